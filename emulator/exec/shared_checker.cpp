#include "emulator/exec/shared_checker.hpp"

#include <algorithm>

namespace rackproof::emulator::exec {

SharedChecker::SharedChecker(std::uint32_t bytes, std::uint32_t warps, bool check_init,
                             bool check_races)
    : warps_(warps), check_init_(check_init), check_races_(check_races) {
  if (check_init_) {
    initialised_.resize((std::size_t{bytes} + 63) / 64 + 1);
  }
  if (check_races_) {
    words_.resize((std::size_t{bytes} + 3) / 4);
    clocks_.resize(std::size_t{warps} * warps);
    for (std::uint32_t warp = 0; warp < warps; ++warp) {
      clock(warp, warp) = now_;
    }
  }
}

bool SharedChecker::is_initialised(std::uint32_t address, std::uint32_t bytes) const {
  for (std::uint32_t at = address; at < address + bytes;) {
    const std::uint32_t bit = at % 64;
    const std::uint32_t count = std::min(64 - bit, address + bytes - at);
    const std::uint64_t wanted = (~std::uint64_t{0} >> (64 - count)) << bit;
    if ((initialised_[at / 64] & wanted) != wanted) {
      return false;
    }
    at += count;
  }
  return true;
}

void SharedChecker::mark_initialised(std::uint32_t address, std::uint32_t bytes) {
  for (std::uint32_t at = address; at < address + bytes;) {
    const std::uint32_t bit = at % 64;
    const std::uint32_t count = std::min(64 - bit, address + bytes - at);
    initialised_[at / 64] |= (~std::uint64_t{0} >> (64 - count)) << bit;
    at += count;
  }
}

template <class Visit>
SharedFinding SharedChecker::for_each_cell(std::uint32_t address, std::uint32_t bytes,
                                           Visit&& visit) {
  for (std::uint32_t at = address; at < address + bytes;) {
    Cell& word = words_[at / 4];
    const std::uint32_t end = std::min(address + bytes, (at / 4 + 1) * 4);
    if (!word.split && end - at == 4) {
      if (const SharedFinding finding = visit(word, at);
          finding.kind != SharedFinding::Kind::none) {
        return finding;
      }
      at = end;
      continue;
    }
    if (split_bytes_.empty()) {
      split_bytes_.resize(words_.size() * 4);
    }
    if (!word.split) {
      std::fill_n(split_bytes_.begin() + static_cast<std::ptrdiff_t>(at / 4 * 4), 4, word);
      word.split = true;
    }
    for (; at < end; ++at) {
      if (const SharedFinding finding = visit(split_bytes_[at], at);
          finding.kind != SharedFinding::Kind::none) {
        return finding;
      }
    }
  }
  return {};
}

SharedFinding SharedChecker::check_read(Cell& cell, const Accessor& who, std::uint32_t address) {
  const Accessor writer{cell.write_warp, cell.write_lane, cell.write_pc};
  if (cell.in_flight) {
    return {SharedFinding::Kind::copy_in_flight, address, writer};
  }
  if (cell.write_epoch != 0) {
    const bool ordered = writer.warp == who.warp
                             ? writer.lane == who.lane || cell.write_epoch < epoch(who.warp)
                             : clock(who.warp, writer.warp) >= cell.write_epoch;
    if (!ordered) {
      return {SharedFinding::Kind::read_after_write, address, writer};
    }
  }
  const std::uint32_t now = epoch(who.warp);
  const bool again = cell.readers != 0 && cell.read_warp == who.warp && cell.last_read_epoch == now;
  cell.several_lanes = again && (cell.several_lanes || cell.read_lane != who.lane);
  cell.read_epoch = cell.readers == 0 ? now : std::min(cell.read_epoch, now);
  cell.readers |= 1U << who.warp;
  cell.last_read_epoch = now;
  cell.read_warp = static_cast<std::uint8_t>(who.warp);
  cell.read_lane = static_cast<std::uint8_t>(who.lane);
  cell.read_pc = who.pc;
  return {};
}

SharedFinding SharedChecker::check_write(Cell& cell, const Accessor& who, std::uint32_t address,
                                         bool same_value) {
  const Accessor writer{cell.write_warp, cell.write_lane, cell.write_pc};
  const Accessor reader{cell.read_warp, cell.read_lane, cell.read_pc};
  if (cell.in_flight) {
    return {SharedFinding::Kind::copy_in_flight, address, writer};
  }
  if (cell.write_epoch != 0 && !same_value) {
    const bool ordered = writer.warp == who.warp
                             ? writer.lane == who.lane || cell.write_epoch < epoch(who.warp)
                             : clock(who.warp, writer.warp) >= cell.write_epoch;
    if (!ordered) {
      return {SharedFinding::Kind::write_after_write, address, writer};
    }
  }
  if (!same_value && cell.readers != 0) {
    for (std::uint32_t rest = cell.readers & ~(1U << who.warp); rest != 0; rest &= rest - 1) {
      const auto other = static_cast<std::uint32_t>(__builtin_ctz(rest));
      if (clock(who.warp, other) < cell.read_epoch) {
        const Accessor culprit = other == reader.warp ? reader : Accessor{other, 0, cell.read_pc};
        return {SharedFinding::Kind::write_after_read, address, culprit};
      }
    }
    if (reader.warp == who.warp && cell.last_read_epoch == epoch(who.warp) &&
        (cell.several_lanes || reader.lane != who.lane)) {
      return {SharedFinding::Kind::write_after_read, address, reader};
    }
  }
  cell.write_epoch = epoch(who.warp);
  cell.write_pc = who.pc;
  cell.write_warp = static_cast<std::uint8_t>(who.warp);
  cell.write_lane = static_cast<std::uint8_t>(who.lane);
  cell.readers = 0;
  cell.several_lanes = false;
  return {};
}

SharedFinding SharedChecker::read(const Accessor& who, std::uint32_t address, std::uint32_t bytes) {
  if (check_races_) {
    const auto finding = for_each_cell(
        address, bytes, [&](Cell& cell, std::uint32_t at) { return check_read(cell, who, at); });
    if (finding.kind != SharedFinding::Kind::none) {
      return finding;
    }
  }
  if (check_init_ && !is_initialised(address, bytes)) {
    return {SharedFinding::Kind::uninitialised, address, {}};
  }
  return {};
}

SharedFinding SharedChecker::write(const Accessor& who, std::uint32_t address, std::uint32_t bytes,
                                   bool same_value) {
  if (check_init_) {
    // A first write that matches the zeros of fresh memory still counts as a change.
    same_value = same_value && is_initialised(address, bytes);
    mark_initialised(address, bytes);
  }
  if (!check_races_) {
    return {};
  }
  return for_each_cell(address, bytes, [&](Cell& cell, std::uint32_t at) {
    return check_write(cell, who, at, same_value);
  });
}

void SharedChecker::synchronise(const Accessor& who, std::uint32_t address, std::uint32_t bytes,
                                bool writes) {
  if (check_init_ && writes) {
    mark_initialised(address, bytes);
  }
  if (!check_races_) {
    return;
  }
  // Acquire what earlier accesses to the location released, then release in turn.
  auto& location = locations_[address];
  depart(who.warp, location);
  if (writes) {
    arrive(who.warp, location);
  }
}

SharedFinding SharedChecker::begin_copy(const Accessor& who, std::uint32_t address,
                                        std::uint32_t bytes) {
  if (!check_races_) {
    return {};
  }
  return for_each_cell(address, bytes, [&](Cell& cell, std::uint32_t at) {
    const SharedFinding finding = check_write(cell, who, at, false);
    cell.in_flight = finding.kind == SharedFinding::Kind::none;
    return finding;
  });
}

void SharedChecker::end_copy(const Accessor& who, std::uint32_t address, std::uint32_t bytes) {
  if (check_init_) {
    mark_initialised(address, bytes);
  }
  if (!check_races_) {
    return;
  }
  (void)for_each_cell(address, bytes, [&](Cell& cell, std::uint32_t) {
    cell.in_flight = false;
    cell.write_epoch = epoch(who.warp);
    return SharedFinding{};
  });
}

void SharedChecker::warp_sync(std::uint32_t warp) {
  if (check_races_) {
    clock(warp, warp) = ++now_;
  }
}

void SharedChecker::arrive(std::uint32_t warp, std::vector<std::uint32_t>& joined) {
  if (!check_races_) {
    return;
  }
  joined.resize(warps_);
  for (std::uint32_t other = 0; other < warps_; ++other) {
    joined[other] = std::max(joined[other], clock(warp, other));
  }
  clock(warp, warp) = ++now_;
}

void SharedChecker::depart(std::uint32_t warp, const std::vector<std::uint32_t>& joined) {
  if (!check_races_ || joined.empty()) {
    return;
  }
  for (std::uint32_t other = 0; other < warps_; ++other) {
    if (other != warp) {
      clock(warp, other) = std::max(clock(warp, other), joined[other]);
    }
  }
}

}  // namespace rackproof::emulator::exec
