// What a warp may know: fences, barriers, strong accesses.
#include "emulator/check/cta_checker.hpp"

#include <algorithm>

namespace rackproof::emulator::check {
namespace {

// A warp that is not dirty has accessed nothing at its time yet, but will: nobody knows that.
template <class WarpState>
Time last_access(const WarpState& warp) {
  return warp.dirty ? warp.time : warp.time - 1;
}

}  // namespace

CtaChecker::CtaChecker(Detector* detector, Grid* grid, std::uint64_t cta_index, std::uint32_t warps,
                       std::uint64_t shared, std::uint32_t shared_bytes, Options options)
    : detector_(detector), grid_(grid), options_(options), shared_base_(shared), warps_(warps) {
  if (options_.shared_init) {
    initialised_.resize((std::size_t{shared_bytes} + 63) / 64 + 1);
  }
  if (options_.races) {
    cta_ = grid_->first +
           static_cast<std::uint32_t>(std::min<std::uint64_t>(cta_index, grid_->count - 1));
    shared_.resize((std::size_t{shared_bytes} + kLineBytes - 1) / kLineBytes);
  }
}

CtaChecker::Pending& CtaChecker::pending(WarpState& warp) {
  if (!warp.pending) {
    warp.pending = std::make_unique<Pending>();
  }
  return *warp.pending;
}

// Later accesses are told from those before.
void CtaChecker::advance(WarpState& warp) {
  if (warp.dirty && now_ < kLastTime) {
    warp.time = ++now_;
    warp.dirty = false;
  }
}

void CtaChecker::acquire(WarpState& warp, const Clock& clock) {
  if (clock.empty()) {
    return;
  }
  warp.foreign.join(clock);
  if (const CtaKnowledge* const own = clock.find(cta_)) {
    warp.own.join(*own);
  }
}

// All that `warp` knows, and what `lanes` of it did so far.
Clock CtaChecker::publish(const WarpState& warp, std::uint32_t index, std::uint32_t lanes) const {
  Clock clock = warp.foreign;
  CtaKnowledge own = warp.own;
  own.add({index, warp.sync - 1, last_access(warp), lanes});
  clock.set(cta_, std::move(own));
  return clock;
}

void CtaChecker::fence(std::uint32_t index, std::uint32_t lanes, Scope scope) {
  if (!options_.races) {
    return;
  }
  WarpState& warp = warps_[index];
  Pending& known = pending(warp);
  const auto levels = static_cast<std::size_t>(scope) + 1;
  for (std::size_t level = 0; level < levels; ++level) {
    acquire(warp, known.observed[level]);
    known.observed[level].clear();
  }
  const Clock clock = publish(warp, index, lanes);
  std::fill_n(known.released.begin(), levels, clock);
  grid_->talks_to_host = grid_->talks_to_host || scope == Scope::system;
  advance(warp);
}

void CtaChecker::release_to(std::uint32_t index, std::uint32_t lanes, Knowledge& knowledge) {
  if (!options_.races) {
    return;
  }
  WarpState& warp = warps_[index];
  knowledge.known.join(publish(warp, index, lanes));
  if (warp.pending) {
    knowledge.proxied.join(warp.pending->proxied);
  }
  advance(warp);
}

void CtaChecker::release_fenced_to(std::uint32_t index, Knowledge& knowledge) const {
  if (const WarpState& warp = warps_[index]; options_.races && warp.pending) {
    // Clusters count as device.
    knowledge.known.join(warp.pending->released[static_cast<std::size_t>(Scope::device)]);
    knowledge.proxied.join(warp.pending->proxied);
  }
}

void CtaChecker::acquire_from(std::uint32_t index, const Knowledge& knowledge) {
  if (!options_.races) {
    return;
  }
  WarpState& warp = warps_[index];
  acquire(warp, knowledge.known);
  if (!knowledge.proxied.empty()) {
    pending(warp).proxied.join(knowledge.proxied);
  }
  warp_sync(index);
}

void CtaChecker::await_grids(std::uint32_t index) {
  if (!options_.races || grid_->awaited.empty()) {
    return;
  }
  CtaKnowledge all;
  all.know_all(1);
  for (const std::uint32_t end : grid_->awaited) {
    warps_[index].foreign.add(end, all);
  }
}

Clock CtaChecker::knowledge(std::uint32_t warp) const {
  return publish(warps_[warp], warp, ~0U);
}

bool CtaChecker::anybody_knows(std::uint32_t cta, std::uint32_t warp, std::uint32_t lane,
                               Time time) const {
  return std::any_of(warps_.begin(), warps_.end(), [&](const WarpState& each) {
    const CtaKnowledge* const known = each.foreign.find(cta);
    return known != nullptr && known->knows(warp, lane, time);
  });
}

Time CtaChecker::touch(std::uint32_t warp) {
  warps_[warp].dirty = true;
  return warps_[warp].time;
}

void CtaChecker::warp_sync(std::uint32_t index) {
  if (!options_.races) {
    return;
  }
  WarpState& warp = warps_[index];
  advance(warp);
  warp.sync = warp.time;
}

void CtaChecker::arrive(std::uint32_t index, std::uint32_t lanes, BarrierClock& barrier) {
  if (!options_.races) {
    return;
  }
  WarpState& warp = warps_[index];
  barrier.used = true;
  barrier.own.join(warp.own);
  barrier.own.add({index, warp.sync - 1, last_access(warp), lanes});
  barrier.foreign.join(warp.foreign);
  if (warp.pending) {
    for (std::size_t level = 0; level < kScopes; ++level) {
      barrier.released[level].join(warp.pending->released[level]);
      barrier.observed[level].join(warp.pending->observed[level]);
    }
    barrier.counted.join(warp.pending->counted);
    barrier.proxied.join(warp.pending->proxied);
    barrier.answered.join(warp.pending->answered);
  }
  advance(warp);
}

void CtaChecker::depart(std::uint32_t index, const BarrierClock& barrier, bool whole_warp) {
  if (!barrier.used) {
    return;
  }
  WarpState& warp = warps_[index];
  warp.own.join(barrier.own);
  acquire(warp, barrier.foreign);
  if (!barrier.released[0].empty() || !barrier.observed[kScopes - 1].empty() ||
      !barrier.observed[0].empty() || !barrier.observed[1].empty() || !barrier.counted.empty() ||
      !barrier.proxied.empty() || !barrier.answered.empty()) {
    Pending& known = pending(warp);
    for (std::size_t level = 0; level < kScopes; ++level) {
      known.released[level].join(barrier.released[level]);
      known.observed[level].join(barrier.observed[level]);
    }
    known.counted.join(barrier.counted);
    known.proxied.join(barrier.proxied);
    known.answered.join(barrier.answered);
  }
  if (whole_warp) {
    warp_sync(index);
  }
}

void CtaChecker::release_all(const BarrierClock& barrier) {
  if (!barrier.used) {
    return;
  }
  const Time before = now_;
  now_ = std::min(now_ + 1, kLastTime);
  for (std::uint32_t index = 0; index < warps_.size(); ++index) {
    WarpState& warp = warps_[index];
    warp.own.know_all(before);
    depart(index, barrier, false);
    warp.time = now_;
    warp.sync = now_;
    warp.dirty = false;
  }
}

// A strong read may see what others released.
void CtaChecker::observe(const Request& request) {
  if (request.kind == AccessKind::write || detector_->locations().empty()) {
    return;
  }
  WarpState& warp = warps_[request.warp];
  const bool acquires =
      request.semantics == Semantics::acquire || request.semantics == Semantics::acq_rel;
  for (std::uint32_t rest = request.row.lanes; rest != 0; rest &= rest - 1) {
    const std::uint64_t address =
        request.row.address(static_cast<std::uint32_t>(std::countr_zero(rest)));
    for (std::uint64_t at = address; at < address + request.row.bytes; at += 4) {
      const Location* const location = detector_->locations().find(at);
      if (location == nullptr) {
        continue;
      }
      Pending& known = pending(warp);
      if (known.seen_address == at && known.seen_version == location->version) {
        continue;
      }
      if (location->device == grid_->device) {
        known.answered.join(location->before);
      }
      known.proxied.join(location->proxied);
      for (std::size_t level = 0; level <= static_cast<std::size_t>(request.scope); ++level) {
        const bool is_near = level == 2 || (level == 1 && location->device == grid_->device) ||
                             (level == 0 && location->cta == cta_);
        if (!is_near) {
          continue;
        }
        if (acquires) {
          acquire(warp, location->released[level]);
        } else {
          known.observed[level].join(location->released[level]);
        }
        if (request.kind == AccessKind::atomic && level != 0) {
          known.counted.join(location->released[level]);
        }
      }
      known.seen_address = at;
      known.seen_version = location->version;
    }
    if (request.row.uniform) {
      break;
    }
  }
}

// A strong write or atomic carries what was fenced before, or with .release all there is.
void CtaChecker::publish_writes(const Request& request) {
  if (request.kind == AccessKind::read) {
    return;
  }
  WarpState& warp = warps_[request.warp];
  const bool releases =
      request.semantics == Semantics::release || request.semantics == Semantics::acq_rel;
  std::array<Clock, kScopes> clocks;
  const std::array<Clock, kScopes>* published = nullptr;
  if (releases) {
    clocks.fill(publish(warp, request.warp, request.row.lanes));
    published = &clocks;
  } else if (warp.pending && !warp.pending->released[0].empty()) {
    published = &warp.pending->released;
    // A lane releases what it fenced itself: the others' accesses need a warp synchronisation.
    const CtaKnowledge* const own = warp.pending->released[0].find(cta_);
    const WarpKnowledge* const self = own == nullptr ? nullptr : own->of(request.warp);
    if (self != nullptr && self->upto >= warp.sync && (self->lanes & ~request.row.lanes) != 0) {
      clocks = warp.pending->released;
      for (Clock& clock : clocks) {
        if (const CtaKnowledge* const part = clock.find(cta_)) {
          clock.set(cta_, part->restricted(request.warp, request.row.lanes));
        }
      }
      published = &clocks;
    }
  }
  Clock before;
  if (request.semantics == Semantics::relaxed && request.kind == AccessKind::write &&
      request.scope == Scope::device) {
    before = publish(warp, request.warp, kAllLanes);
    before.join(pending(warp).answered);
  }
  if (published == nullptr && before.empty() && detector_->locations().empty()) {
    return;
  }
  const bool adds = request.kind == AccessKind::atomic || request.row.bytes < 4;
  for (std::uint32_t rest = request.row.lanes; rest != 0; rest &= rest - 1) {
    const std::uint64_t address =
        request.row.address(static_cast<std::uint32_t>(std::countr_zero(rest)));
    for (std::uint64_t at = address; at < address + request.row.bytes; at += 4) {
      detector_->locations().write(at, published, warp.pending ? &warp.pending->proxied : nullptr,
                                   request.scope, adds, cta_, grid_->device);
      if (!before.empty()) {
        detector_->locations().note_before(at, before, cta_, grid_->device);
      }
    }
    if (request.row.uniform) {
      break;
    }
  }
  if (releases || !before.empty()) {
    advance(warp);
  }
}

void CtaChecker::acquire_shared(std::uint32_t index, std::uint64_t address) {
  const Snapshot* const snapshot = shared_location(address).get();
  WarpState& warp = warps_[index];
  if (snapshot == nullptr) {
    return;
  }
  if (snapshot->warp == kNoWarp) {
    depart(index, snapshot->clock, false);
    return;
  }
  // The CTA's barriers have passed on what was known before them.
  if (snapshot->warp == index || snapshot->time <= warp.own.all()) {
    return;
  }
  std::vector<std::uint64_t>& seen = pending(warp).seen_snapshots;
  seen.resize(warps_.size());
  if (snapshot->number > seen[snapshot->warp]) {
    seen[snapshot->warp] = snapshot->number;
    depart(index, snapshot->clock, false);
  }
}

std::shared_ptr<const CtaChecker::Snapshot> CtaChecker::take_snapshot(std::uint32_t index) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->warp = index;
  snapshot->number = next_snapshot_++;
  arrive(index, kAllLanes, snapshot->clock);
  snapshot->time = now_;
  return snapshot;
}

void CtaChecker::shared_arrive(std::uint32_t warp, std::uint64_t address) {
  if (options_.races) {
    shared_locations_.resize(kLineBytes / 4 * shared_.size());
    acquire_shared(warp, address);
    shared_location(address) = take_snapshot(warp);
  }
}

void CtaChecker::shared_release(std::uint64_t address, const Knowledge& knowledge) {
  if (options_.races) {
    shared_locations_.resize(kLineBytes / 4 * shared_.size());
    std::shared_ptr<const Snapshot>& location = shared_location(address);
    auto snapshot = location ? std::make_shared<Snapshot>(*location) : std::make_shared<Snapshot>();
    snapshot->warp = kNoWarp;
    snapshot->clock.used = true;
    snapshot->clock.foreign.join(knowledge.known);
    snapshot->clock.proxied.join(knowledge.proxied);
    location = std::move(snapshot);
  }
}

// Strong accesses to the shared memory of another CTA synchronise like those to one's own.
void CtaChecker::synchronise_with(CtaChecker& home, const Request& request) {
  for (std::uint32_t rest = request.row.lanes; rest != 0; rest &= rest - 1) {
    const std::uint64_t address =
        request.row.address(static_cast<std::uint32_t>(std::countr_zero(rest)));
    if (!home.shared_locations_.empty() && home.shared_location(address)) {
      const BarrierClock& there = home.shared_location(address)->clock;
      Knowledge knowledge{there.foreign, there.proxied};
      knowledge.known.add(home.cta_, there.own);
      acquire(warps_[request.warp], knowledge.known);
      if (!knowledge.proxied.empty()) {
        pending(warps_[request.warp]).proxied.join(knowledge.proxied);
      }
    }
    if (request.kind != AccessKind::read) {
      Knowledge knowledge;
      release_to(request.warp, kAllLanes, knowledge);
      home.shared_release(address, knowledge);
    }
  }
}

// Acquires what earlier strong accesses to the words released, then releases in turn.
void CtaChecker::synchronise_shared(const Request& request) {
  const bool reads = request.kind == AccessKind::read;
  if (reads && shared_locations_.empty()) {
    return;
  }
  shared_locations_.resize(kLineBytes / 4 * shared_.size());
  const std::uint32_t lanes =
      request.row.uniform ? request.row.lanes & -request.row.lanes : request.row.lanes;
  const auto for_each_address = [&](auto&& action) {
    for (std::uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
      action(request.row.address(static_cast<std::uint32_t>(std::countr_zero(rest))));
    }
  };
  for_each_address([&](std::uint64_t address) {
    acquire_shared(request.warp, address);
    // Lanes of a warp that meet at a barrier made of atomics, as libcu++'s of wider scopes are.
    if (reads && request.semantics == Semantics::acquire && shared_location(address) != nullptr &&
        shared_location(address)->warp == request.warp) {
      warp_sync(request.warp);
    }
  });
  if (!reads) {
    const auto snapshot = take_snapshot(request.warp);
    for_each_address([&](std::uint64_t address) { shared_location(address) = snapshot; });
  }
}

}  // namespace rackproof::emulator::check
