#include "emulator/exec/cluster.hpp"

#include "emulator/exec/access_faults.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/rows.hpp"
#include "emulator/exec/windows.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace rackproof::emulator::exec {
namespace {

// How long one CTA of several runs before the next has its turn.
constexpr std::uint64_t kCtaSlice = 1024;

}  // namespace

Cluster::Cluster(GridContext& grid, std::uint64_t index)
    : warps_per_cta_(
          static_cast<std::uint32_t>((grid.config.block.count() + kWarpSize - 1) / kWarpSize)),
      ordering_(grid.config.ordering),
      random_(grid.config.seed ^ (index * 0xd1342543de82ef95ULL)),
      operations_(ordering_, random_.next()),
      ctas_left_(grid.config.cluster.count()) {
  const Dim3& size = grid.config.cluster;
  const Dim3& all = grid.config.grid;
  const std::uint64_t wide = all.x / size.x;
  const std::uint64_t high = all.y / size.y;
  const std::uint64_t x = index % wide * size.x;
  const std::uint64_t y = index / wide % high * size.y;
  const std::uint64_t z = index / wide / high * size.z;
  for (std::uint32_t rank = 0; rank < ctas_left_; ++rank) {
    const std::uint64_t linear =
        x + rank % size.x +
        all.x * (y + rank / size.x % size.y + all.y * (z + rank / size.x / size.y));
    ctas_.push_back(std::make_unique<Cta>(*this, rank, grid, linear));
  }
  waited_phases_.resize(ctas_.size());
  order_.resize(ctas_.size());
  std::iota(order_.begin(), order_.end(), 0U);
}

std::uint64_t Cluster::run_ctas(GridContext& grid, std::uint64_t clock, std::uint64_t budget,
                                bool may_communicate) {
  std::uint64_t executed = 0;
  while (executed < budget && ctas_left_ != 0) {
    for (std::size_t i = order_.size(); i > 1; --i) {
      std::swap(order_[i - 1], order_[random_.below(static_cast<std::uint32_t>(i))]);
    }
    std::uint64_t round = 0;
    bool all_idle = true;
    for (const std::uint32_t rank : order_) {
      Cta& cta = *ctas_[rank];
      if (cta.finished()) {
        continue;
      }
      if (cta.at_gate() && !may_communicate) {
        at_gate_ = true;
        continue;
      }
      running_ = &cta;
      const std::uint64_t done = cta.run(grid, clock + executed, kCtaSlice, may_communicate);
      executed += done;
      round += done;
      at_gate_ = at_gate_ || cta.at_gate();
      all_idle = all_idle && (cta.idle() || done == 0);
      if (cta.finished()) {
        --ctas_left_;
        all_idle = false;
      }
    }
    if (round == 0 || all_idle) {
      idle_ = round != 0;
      break;
    }
  }
  return executed;
}

std::uint64_t Cluster::run(GridContext& grid, std::uint64_t clock, std::uint64_t budget,
                           bool may_communicate) {
  at_gate_ = false;
  idle_ = false;
  std::uint64_t executed = 0;
  if (ctas_.size() == 1) {
    running_ = ctas_.front().get();
    executed = running_->run(grid, clock, budget, may_communicate);
    at_gate_ = running_->at_gate();
    idle_ = running_->idle();
    ctas_left_ = running_->finished() ? 0 : 1;
  } else {
    executed = run_ctas(grid, clock, budget, may_communicate);
  }
  return executed;
}

bool Cluster::polls_shared_memory_only() const {
  return operations_.empty() && !ctas_.front()->grid().awaits_prerequisite() &&
         std::all_of(ctas_.begin(), ctas_.end(), [](const auto& cta) {
           return cta->finished() || cta->polls_shared_memory_only();
         });
}

void Cluster::finish() {
  operations_.drain_all();
  for (const auto& cta : ctas_) {
    for (std::uint32_t i = 0; i < warps_per_cta_; ++i) {
      cta->warp(i).bulk_groups().end();
    }
    cta->trigger_dependents(true);
  }
}

bool Cluster::force_operation() {
  bool forced = operations_.force();
  for (std::size_t i = 0; !forced && i < ctas_.size(); ++i) {
    forced = ctas_[i]->force_copy();
  }
  return forced;
}

bool Cluster::has_operations() const {
  return !operations_.empty() ||
         std::any_of(ctas_.begin(), ctas_.end(), [](const auto& cta) { return cta->has_copies(); });
}

void Cluster::release_grid_control(std::uint32_t which) {
  for (const auto& cta : ctas_) {
    cta->release_grid_control(which);
  }
}

void Cluster::watch(bool on) {
  for (const auto& cta : ctas_) {
    cta->watch(on);
  }
}

void Cluster::restart_watch() {
  for (const auto& cta : ctas_) {
    cta->restart_watch();
  }
}

bool Cluster::is_stalled(std::uint32_t times) const {
  return operations_.empty() && std::all_of(ctas_.begin(), ctas_.end(), [times](const auto& cta) {
           return cta->finished() || cta->is_stalled(times);
         });
}

std::uint64_t Cluster::take_skipped_time() {
  std::uint64_t most = 0;
  for (const auto& cta : ctas_) {
    most = std::max(most, cta->take_skipped_time());
  }
  return most;
}

std::string Cluster::describe_waiting() {
  std::string text;
  for (const auto& cta : ctas_) {
    if (cta->finished()) {
      continue;
    }
    if (text.empty()) {
      running_ = cta.get();
    }
    const std::string waiting = cta->describe_waiting();
    text += text.empty() || waiting.empty() ? "" : "; ";
    text += ctas_.size() > 1 && !waiting.empty()
                ? "CTA rank " + std::to_string(cta->rank()) + ": " + waiting
                : waiting;
    if (text.size() > 600) {
      return text + "; ...";
    }
  }
  return text;
}

async::OperationQueue::Ticket Cluster::issue(const Issuer& issuer, async::OperationQueue::Pipe pipe,
                                             std::function<void()> land,
                                             async::OperationQueue::Signal signal) {
  return operations_.issue(
      pipe,
      [issuer, land = std::move(land)] {
        issuer.cta->grid().changed = true;
        try {
          land();
        } catch (const FaultRaised& raised) {
          throw FaultRaised(raised.kind(), kWarpSize,
                            std::string(raised.what()) + " (asynchronously: issued by " +
                                issuer.cta->describe_thread(issuer.warp, issuer.lane, issuer.pc) +
                                ")");
        }
      },
      signal);
}

std::byte* Cluster::shared_at(std::uint64_t address, std::uint64_t bytes, std::uint32_t lane,
                              std::string_view what) {
  const std::uint64_t rank = address >> kClusterRankShift;
  const std::string access =
      std::string(what) + " of " + std::to_string(bytes) + " bytes at " + hex(address);
  if (rank >= size()) {
    throw FaultRaised(Fault::Kind::illegal_address, lane,
                      access + ": the cluster has " + std::to_string(size()) +
                          " CTAs, and this is an address in CTA rank " + std::to_string(rank));
  }
  Cta& target = *ctas_[rank];
  if (target.finished()) {
    throw FaultRaised(Fault::Kind::illegal_address, lane,
                      access + ": CTA rank " + std::to_string(rank) +
                          " of the cluster has exited, and its shared memory with it");
  }
  if (address < target.shared_base() || address + bytes > target.shared_end()) {
    throw FaultRaised(Fault::Kind::illegal_address, lane,
                      access + " is outside the shared memory [" + hex(target.shared_base()) +
                          ", " + hex(target.shared_end()) + ") of CTA rank " +
                          std::to_string(rank));
  }
  return target.shared_at(address);
}

}  // namespace rackproof::emulator::exec
