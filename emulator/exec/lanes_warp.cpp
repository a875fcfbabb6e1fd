// What the lanes of a warp make of each other: conflicts for banks of shared memory, shuffles.
#include "emulator/exec/lane_support.hpp"

#include <bit>

namespace rackproof::emulator::exec::RACKPROOF_LANES {
namespace {

inline uint32_t bit_count(uint32_t bits) {
  return static_cast<uint32_t>(__builtin_popcount(bits));
}

// The distinct units of each place in the banks, where lanes come again to units of their own.
class Banks {
 public:
  Banks() {
    for (uint32_t& unit : unit_[0]) {
      unit = kNoUnit;
    }
  }
  void add(uint32_t place, uint32_t unit) {
    const uint32_t held = count_[place];
    unit_[held + 1][place] = unit;
    count_[place] = static_cast<uint8_t>(held + static_cast<uint32_t>(unit_[held][place] != unit));
  }
  /// The most units that one of the places [first, first + places) holds.
  uint32_t most(uint32_t first, uint32_t places) {
    uint32_t worst = 0;
    for (uint32_t place = first; place < first + places; ++place) {
      // Of two units each differs from the one before: of more, one may have come twice.
      const uint32_t distinct = count_[place] > 2 ? count_distinct(place) : count_[place];
      worst = distinct > worst ? distinct : worst;
    }
    return worst;
  }

 private:
  uint32_t count_distinct(uint32_t place) {
    uint32_t distinct = 0;
    for (uint32_t i = 1; i <= count_[place]; ++i) {
      const uint32_t unit = unit_[i][place];
      uint32_t k = 1;
      while (k <= distinct && unit_[k][place] != unit) {
        ++k;
      }
      unit_[k][place] = unit;
      distinct = k > distinct ? k : distinct;
    }
    return distinct;
  }

  static constexpr uint32_t kNoUnit = ~uint32_t{0};
  // The first row is what no lane holds; the others are read only up to a place's count.
  alignas(64) uint32_t unit_[kWarpSize + 1][kWarpSize];
  uint8_t count_[kWarpSize] = {};
};

// Conflicts that were counted: adding the same to all addresses turns the banks round and changes
// nothing, and an instruction mostly comes again with the same steps between its lanes.
struct Counted {
  uint32_t step[kWarpSize];  ///< units from lane 0's
  uint32_t lanes;            ///< 0: nothing counted
  uint32_t places;
  uint32_t taken;
};
constexpr uint32_t kCounted = 64;
thread_local Counted counted[kCounted];

Counted& counted_for(const uint32_t* step, uint32_t lanes) {
  const uint32_t mixed =
      step[1] * 0x9e3779b1U ^ step[2] * 0x85ebca6bU ^ step[16] * 0xc2b2ae35U ^ step[31] ^ lanes;
  return counted[(mixed ^ mixed >> 15) % kCounted];
}

uint32_t count_passes(const uint32_t* place, const uint32_t* unit, uint32_t places,
                      uint32_t lanes) {
  Banks banks;
  if (lanes == kFullMask) {
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      banks.add(place[lane], unit[lane]);
    }
  } else {
    for (uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
      const auto lane = static_cast<uint32_t>(std::countr_zero(rest));
      banks.add(place[lane], unit[lane]);
    }
  }
  uint32_t passes = 0;
  for (uint32_t first = 0; first < kWarpSize; first += places) {
    passes += banks.most(first, places);
  }
  return passes;
}

}  // namespace

// A pass serves as many lanes as fit side by side into the banks; `places` of them.
Wavefronts count_wavefronts(const Addresses& addresses, uint32_t bytes, uint32_t lanes) {
  const uint32_t unit_bytes = bytes < 4 ? 4 : bytes;
  const uint32_t places = 4 * kWarpSize / unit_bytes;
  const uint32_t last = places - 1;
  const int shift = std::countr_zero(unit_bytes);
  Wavefronts result;
  const uint32_t pass = places == kWarpSize ? kFullMask : (1U << places) - 1;
  for (uint32_t first = 0; first < kWarpSize; first += places) {
    result.minimum += static_cast<uint32_t>((lanes >> first & pass) != 0);
  }
  alignas(64) uint32_t unit[kWarpSize];
  alignas(64) uint32_t place[kWarpSize];
  alignas(64) uint32_t step[kWarpSize];
  const auto origin = static_cast<uint32_t>(addresses.value[0] >> shift);
  uint32_t taken = 0;
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    unit[lane] = static_cast<uint32_t>(addresses.value[lane] >> shift);
    step[lane] = unit[lane] - origin;
    place[lane] = (lane & ~last) | (unit[lane] & last);
    taken |= (lanes >> lane & 1U) << place[lane];
  }
  result.taken = result.minimum;
  if (addresses.uniform || bit_count(taken) == bit_count(lanes)) {
    return result;
  }
  Counted& known = counted_for(step, lanes);
  uint32_t differs = (known.lanes ^ lanes) | (known.places ^ places);
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    differs |= known.step[lane] ^ step[lane];
  }
  if (differs != 0) {
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      known.step[lane] = step[lane];
    }
    known.lanes = lanes;
    known.places = places;
    known.taken = count_passes(place, unit, places, lanes);
  }
  result.taken = known.taken;
  return result;
}

namespace {

// PTX ISA 9.0, section 9.7.9.6: where each lane looks, and whether that is within its segment.
template <ShuffleMode kMode>
void find_sources(const uint32_t* amount, const uint32_t* clamp, uint32_t* from, uint32_t* valid) {
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    const auto self = static_cast<int32_t>(lane);
    const auto step = static_cast<int32_t>(amount[lane] & 0x1f);
    const auto limit = static_cast<int32_t>(clamp[lane] & 0x1f);
    const auto segment = static_cast<int32_t>(clamp[lane] >> 8 & 0x1f);
    const int32_t end = (self & segment) | (limit & ~segment);
    const int32_t source = kMode == ShuffleMode::up     ? self - step
                           : kMode == ShuffleMode::down ? self + step
                           : kMode == ShuffleMode::bfly ? (self ^ step)
                                                        : (self & segment) | (step & ~segment);
    const bool is_valid = kMode == ShuffleMode::up ? source >= end : source <= end;
    valid[lane] = static_cast<uint32_t>(is_valid);
    from[lane] = static_cast<uint32_t>(is_valid ? source : self);
  }
}

}  // namespace

Shuffled shuffle_values(const uint32_t* value, const uint32_t* amount, const uint32_t* clamp,
                        const uint32_t* members, ShuffleMode mode, uint32_t ready, uint32_t* dst) {
  Shuffled result;
  uint32_t* const from = result.from.data();
  alignas(64) uint32_t valid[kWarpSize];
  switch (mode) {
    case ShuffleMode::up:
      find_sources<ShuffleMode::up>(amount, clamp, from, valid);
      break;
    case ShuffleMode::down:
      find_sources<ShuffleMode::down>(amount, clamp, from, valid);
      break;
    case ShuffleMode::bfly:
      find_sources<ShuffleMode::bfly>(amount, clamp, from, valid);
      break;
    case ShuffleMode::idx:
      find_sources<ShuffleMode::idx>(amount, clamp, from, valid);
      break;
  }
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    result.in_range |= valid[lane] << lane;
    result.astray |= (valid[lane] & ~((ready & members[lane]) >> from[lane])) << lane;
  }
  if (dst != nullptr) {
    alignas(64) uint32_t taken[kWarpSize];
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      taken[lane] = value[from[lane]];
    }
    commit(dst, taken, ready);
  }
  return result;
}

}  // namespace rackproof::emulator::exec::RACKPROOF_LANES
