// Accesses against the shadow: who came before, and is it ordered?
#include "emulator/check/cta_checker.hpp"
#include "emulator/check/view.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace rackproof::emulator::check {

namespace {

// The lane of `request` to name. Where several share a word, the one that was there earlier is not
// in conflict with itself.
std::uint32_t lane_in_conflict(const Request& request, const Access& now, const Access& earlier,
                               std::uint32_t unit, std::uint64_t address) {
  const std::uint32_t lane = now.lane_of(unit);
  if (earlier.cta != now.cta || earlier.warp() != request.warp || earlier.lane_of(unit) != lane) {
    return lane;
  }
  for (std::uint32_t rest = request.row.lanes & ~(1U << lane); rest != 0; rest &= rest - 1) {
    const auto other = static_cast<std::uint32_t>(std::countr_zero(rest));
    if (address - request.row.address(other) < request.row.bytes) {
      return other;
    }
  }
  return lane;
}

Finding make_finding(const Request& request, const Piece& piece, const Access& now,
                     const Conflict& conflict) {
  const auto unit = static_cast<std::uint32_t>(std::countr_zero(conflict.units));
  const bool in_flight = conflict.earlier.strength() == Strength::in_flight;
  return {in_flight && conflict.earlier_was_read ? Finding::Kind::after_async_read
          : in_flight                            ? Finding::Kind::after_copy
          : conflict.earlier_was_read            ? Finding::Kind::after_read
                                                 : Finding::Kind::after_write,
          piece.address_of(unit),
          lane_in_conflict(request, now, conflict.earlier, unit, piece.address_of(unit)),
          conflict.earlier,
          unit,
          nullptr};
}

// Whether `earlier`, which touched `address` as `unit`, is this instruction in another lane.
bool is_of_this(const Request& request, const Access& earlier, std::uint32_t unit,
                std::uint64_t address) {
  const std::uint32_t lane = earlier.lane_of(unit);
  return earlier.warp() == request.warp && earlier.pc() == request.pc &&
         (request.row.lanes >> lane & 1U) != 0 &&
         address - request.row.address(lane) < request.row.bytes;
}

}  // namespace

// The "last block" of the CUDA programming guide (and NVIDIA's threadFenceReduction sample) takes a
// ticket with an atomic and reads the others' results without a fence, which the PTX memory model
// asks for. GPUs issue in order, and atomics meet in L2: only a line that an L1 already holds could
// be stale, and a CTA has one L1: so do trees that are built bottom up, where the second thread at
// a node reads what the first, of its own CTA, left there. The last block then resets the counter
// with a plain store: coherence orders that behind the atomics that its own ticket has seen.
bool CtaChecker::is_coherent(const Request& request, const Piece& piece, const Access& now,
                             const Line& line, const View& view, const Conflict& conflict) const {
  if (now.strength() != Strength::weak || grid_ == nullptr) {
    return false;
  }
  if (request.kind == AccessKind::read) {
    const std::uint32_t sectors =
        piece.is_bytes ? 1U << piece.part : sectors_of_words(conflict.units);
    return view.counted(conflict.earlier, conflict.units) &&
           (conflict.earlier.cta == cta_ || !line.may_be_cached(grid_->first, sectors));
  }
  if (view.counted(conflict.earlier, conflict.units)) {
    return true;
  }
  // Look-back scans in place (CUB's unique): who has seen the relaxed status word of the tile
  // before overwrites its input. That word was computed from what was read.
  if (conflict.earlier_was_read && view.answered(conflict.earlier, conflict.units)) {
    return true;
  }
  if (conflict.earlier.strength() != Strength::strong || conflict.earlier_was_read) {
    return false;
  }
  for (std::uint32_t units = conflict.units; units != 0; units &= units - 1) {
    const std::uint64_t address =
        piece.address_of(static_cast<std::uint32_t>(std::countr_zero(units)));
    const Location* const location = detector_->locations().find(address);
    if (location == nullptr || location->cta != cta_ || !location->by_atomic) {
      return false;
    }
  }
  return true;
}

// A store that leaves the bytes as they are cannot be told from one that never was. Lanes of one
// instruction that store equal values to one address count, too.
bool CtaChecker::changes_nothing(const Request& request, const Piece& piece,
                                 const Conflict& conflict) const {
  if (request.data == nullptr || conflict.earlier.strength() == Strength::in_flight) {
    return false;
  }
  const Row& row = request.row;
  for (std::uint32_t rest = row.lanes; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(rest));
    const std::uint64_t address = row.address(lane);
    const std::byte* const mine = request.data + std::size_t{lane} * request.stride;
    // Only the bytes in conflict count: a wide store may change what lies beside them.
    for (std::uint32_t units = conflict.units; units != 0; units &= units - 1) {
      const auto unit = static_cast<std::uint32_t>(std::countr_zero(units));
      const std::uint64_t at = piece.address_of(unit);
      const std::uint64_t low = std::max(at, address);
      const std::uint64_t high =
          std::min(at + (piece.is_bytes ? 1 : 4), address + std::uint64_t{row.bytes});
      if (low >= high) {
        continue;
      }
      const std::uint64_t skip = low - address;
      bool same = std::memcmp(mine + skip, reinterpret_cast<const void*>(low), high - low) == 0;
      if (!same && is_of_this(request, conflict.earlier, unit, at)) {
        std::uint32_t sharers = 0;
        std::uint32_t equals = 0;
        for (std::uint32_t all = row.lanes; all != 0; all &= all - 1) {
          const auto other = static_cast<std::uint32_t>(std::countr_zero(all));
          const std::byte* const its = request.data + std::size_t{other} * request.stride;
          const bool shares = row.address(other) == address;
          sharers += static_cast<std::uint32_t>(shares);
          equals += static_cast<std::uint32_t>(
              shares && std::memcmp(mine + skip, its + skip, high - low) == 0);
        }
        same = sharers > 1 && equals == sharers;
      }
      if (!same) {
        return false;
      }
    }
  }
  return true;
}

Finding CtaChecker::check_piece(const Request& request, const Piece& piece, Access access,
                                const View& view, Line& line) {
  const auto judge = [&](Line& part, const Piece& where, const Access& now) -> Finding {
    Conflict conflict =
        request.kind == AccessKind::read ? part.read(now, view) : part.write(now, view, true);
    if (!conflict.found) [[likely]] {
      return {};
    }
    if (is_coherent(request, where, now, line, view, conflict)) {
      if (request.kind != AccessKind::read) {
        (void)part.write(now, view, false);
      }
      return {};
    }
    if (request.kind == AccessKind::write && changes_nothing(request, where, conflict)) {
      return {};
    }
    return make_finding(request, where, now, conflict);
  };
  access.units = piece.units;
  // Several lanes that may write one address in one instruction write the same value there.
  const bool is_shared_write =
      piece.code == lane_code::kSeveral && request.kind == AccessKind::write;
  access.set_lanes(piece.lane, is_shared_write ? lane_code::kUnknown : piece.code);
  if (piece.is_bytes) {
    return judge(line.part(piece.part), piece, access);
  }
  if (!line.is_split()) [[likely]] {
    return judge(line, piece, access);
  }
  for (std::uint32_t i = 0; i < 4; ++i) {
    if (const Access bytes = to_bytes(access, i); bytes.units != 0) {
      Piece part = piece;
      part.is_bytes = true;
      part.part = i;
      if (const Finding finding = judge(line.part(i), part, bytes);
          finding.kind != Finding::Kind::none) {
        return finding;
      }
    }
  }
  return {};
}

template <class LineOf>
Finding CtaChecker::check(const Request& request, bool is_shared, bool may_cache,
                          LineOf&& line_of) {
  WarpState& warp = warps_[request.warp];
  const View view(*this, request.warp, is_shared);
  Access access;
  access.cta = cta_;
  access.set_where(request.pc, request.warp, 0);
  access.set_when(warp.time, 0, request.scope,
                  request.semantics == Semantics::weak ? Strength::weak : Strength::strong);
  warp.dirty = true;
  Finding finding;
  for_each_piece(request.row, [&](const Piece& piece) {
    Line& line = line_of(piece.line);
    finding = check_piece(request, piece, access, view, line);
    if (may_cache) {
      line.note_cached(grid_->first,
                       piece.is_bytes ? 1U << piece.part : sectors_of_words(piece.units));
    }
    return finding.kind == Finding::Kind::none;
  });
  return finding;
}

Finding CtaChecker::global(const Request& request) {
  if (!options_.races) {
    return {};
  }
  const bool is_strong = request.semantics != Semantics::weak;
  if (is_strong) {
    observe(request);
    grid_->meets_host = grid_->meets_host || request.scope == Scope::system;
  }
  if (grid_->meets_ranges) [[unlikely]] {
    for (std::uint32_t rest = request.row.lanes; rest != 0; rest &= rest - 1) {
      const auto lane = static_cast<std::uint32_t>(std::countr_zero(rest));
      const std::uint64_t address = request.row.address(lane);
      const RangeAccess* const range = detector_->unordered_range(
          *grid_, address, request.row.bytes, request.kind != AccessKind::read, is_strong);
      if (range != nullptr) {
        return {Finding::Kind::after_range, address, lane, {}, 0, range};
      }
    }
  }
  // Who has taken a ticket loads what is current.
  const auto& pending = warps_[request.warp].pending;
  const bool may_cache =
      !is_strong && request.kind == AccessKind::read && !(pending && !pending->counted.empty());
  const Finding finding = check(request, false, may_cache, [this](std::uint64_t line) -> Line& {
    return detector_->line(line);
  });
  if (is_strong) {
    publish_writes(request);
    // Lanes of one instruction that meet at a word come one after the other.
    if (request.kind == AccessKind::atomic && warps_[request.warp].pending != nullptr &&
        (request.row.lanes & (request.row.lanes - 1)) != 0) {
      observe(request);
    }
  }
  return finding;
}

Finding CtaChecker::shared(const Request& request) {
  const Row& row = request.row;
  if (options_.races && request.semantics != Semantics::weak) {
    synchronise_shared(request);
  }
  if (options_.races) {
    const Finding finding = check(
        request, true, false, [this](std::uint64_t line) -> Line& { return shared_line(line); });
    if (finding.kind != Finding::Kind::none) {
      return finding;
    }
  }
  if (!options_.shared_init) {
    return {};
  }
  if (row.contiguous || row.uniform) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(row.lanes));
    const std::uint32_t bytes = row.contiguous ? 32 * row.bytes : row.bytes;
    if (request.kind != AccessKind::read && !request.reads_old) {
      mark_initialised(row.address(lane), bytes);
      return {};
    }
    if (is_initialised(row.address(lane), bytes)) {
      return {};
    }
  }
  if (request.kind != AccessKind::read && !request.reads_old) {
    for (std::uint32_t rest = row.lanes; rest != 0; rest &= rest - 1) {
      mark_initialised(row.address(static_cast<std::uint32_t>(std::countr_zero(rest))), row.bytes);
    }
    return {};
  }
  const std::uint32_t unwritten = request.reads_old ? unwritten_lanes(row) : lanes_in_gaps(row);
  if (unwritten != 0) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(unwritten));
    return {Finding::Kind::uninitialised, row.address(lane), lane, {}, 0, nullptr};
  }
  return {};
}

// Merges, set operations and stencils run past the end of a tile and use nothing of it, and so do
// partial sums of fewer warps than lanes.
std::uint32_t CtaChecker::lanes_in_gaps(const Row& row) const {
  const std::uint32_t unwritten = unwritten_lanes(row);
  if (unwritten == 0 || unwritten == row.lanes) {
    return unwritten;
  }
  std::uint64_t highest_written = 0;
  for (std::uint32_t rest = row.lanes & ~unwritten; rest != 0; rest &= rest - 1) {
    highest_written =
        std::max(highest_written, row.address(static_cast<std::uint32_t>(std::countr_zero(rest))));
  }
  std::uint32_t gaps = 0;
  for (std::uint32_t rest = unwritten; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(rest));
    gaps |= static_cast<std::uint32_t>(row.address(lane) < highest_written) << lane;
  }
  return gaps;
}

std::uint32_t CtaChecker::unwritten_lanes(const Row& row) const {
  std::uint32_t unwritten = 0;
  for (std::uint32_t rest = row.lanes; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(rest));
    if (!is_initialised_anywhere(row.address(lane), row.bytes)) {
      unwritten |= 1U << lane;
    }
  }
  return unwritten;
}

Finding CtaChecker::distributed(const Request& request, CtaChecker& home) {
  if (options_.races && request.semantics != Semantics::weak) {
    synchronise_with(home, request);
  }
  if (request.kind != AccessKind::read) {
    for (std::uint32_t rest = request.row.lanes; rest != 0; rest &= rest - 1) {
      home.expect_written(request.row.address(static_cast<std::uint32_t>(std::countr_zero(rest))),
                          request.row.bytes);
    }
  }
  if (!options_.races) {
    return {};
  }
  return check(request, false, false,
               [&home](std::uint64_t line) -> Line& { return home.shared_line(line); });
}

Finding CtaChecker::begin_copy(std::uint32_t warp, std::uint32_t pc, const Row& destination) {
  if (!options_.races) {
    return {};
  }
  Request request;
  request.kind = AccessKind::write;
  request.warp = warp;
  request.pc = pc;
  request.row = destination;
  const View view(*this, warp, true);
  Access access;
  access.cta = cta_;
  access.set_where(pc, warp, 0);
  access.set_when(warps_[warp].time, 0, Scope::cta, Strength::in_flight);
  warps_[warp].dirty = true;
  Finding finding;
  for_each_piece(destination, [&](const Piece& piece) {
    finding = check_piece(request, piece, access, view, shared_line(piece.line));
    return finding.kind == Finding::Kind::none;
  });
  return finding;
}

void CtaChecker::end_copy(std::uint32_t warp, std::uint32_t pc, std::uint32_t lane,
                          std::uint64_t address, std::uint32_t bytes) {
  if (options_.shared_init) {
    mark_initialised(address, bytes);
  }
  if (!options_.races) {
    return;
  }
  std::uint64_t addresses[32];
  addresses[lane] = address;
  Access access;
  access.cta = cta_;
  access.set_where(pc, warp, 0);
  access.set_when(warps_[warp].time, 0, Scope::cta, Strength::weak);
  warps_[warp].dirty = true;
  for_each_piece(Row{addresses, 1U << lane, bytes, false, false}, [&](const Piece& piece) {
    access.units = piece.units;
    access.set_lanes(piece.lane, piece.code);
    Line& line = shared_line(piece.line);
    if (!line.is_split()) {
      line.land(access);
    } else {
      for (std::uint32_t i = 0; i < 4; ++i) {
        if (const Access part = to_bytes(access, i); part.units != 0) {
          line.part(i).land(part);
        }
      }
    }
    return true;
  });
}

bool CtaChecker::is_initialised(std::uint64_t address, std::uint32_t bytes) const {
  address -= shared_base_;
  for (std::uint64_t at = address; at < address + bytes;) {
    const std::uint64_t bit = at % 64;
    const std::uint64_t count = std::min(64 - bit, address + bytes - at);
    const std::uint64_t wanted = (~std::uint64_t{0} >> (64 - count)) << bit;
    if ((initialised_[at / 64] & wanted) != wanted) {
      return false;
    }
    at += count;
  }
  return true;
}

bool CtaChecker::is_initialised_anywhere(std::uint64_t address, std::uint32_t bytes) const {
  if (is_initialised(address, bytes)) [[likely]] {
    return true;
  }
  for (std::uint64_t at = address; at < address + bytes; ++at) {
    if (is_initialised(at, 1)) {
      return true;
    }
  }
  return false;
}

void CtaChecker::forget_initialised(std::uint64_t address, std::uint32_t bytes) {
  if (options_.shared_init) {
    for (std::uint64_t at = address - shared_base_; at < address - shared_base_ + bytes; ++at) {
      initialised_[at / 64] &= ~(std::uint64_t{1} << at % 64);
    }
  }
}

void CtaChecker::mark_initialised(std::uint64_t address, std::uint32_t bytes) {
  address -= shared_base_;
  for (std::uint64_t at = address; at < address + bytes;) {
    const std::uint64_t bit = at % 64;
    const std::uint64_t count = std::min(64 - bit, address + bytes - at);
    initialised_[at / 64] |= (~std::uint64_t{0} >> (64 - count)) << bit;
    at += count;
  }
}

}  // namespace rackproof::emulator::check
