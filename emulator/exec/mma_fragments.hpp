#pragma once
/// Fragments of mma.sync between registers and row-major matrices, for its handlers.

#include "emulator/exec/cta.hpp"
#include "emulator/exec/fragments.hpp"
#include "emulator/exec/rows.hpp"

#include <cstddef>
#include <cstdint>

namespace rackproof::emulator::exec {

// The registers of one instruction, handed out from the front of its list.
class Registers {
 public:
  Registers(LaneContext& lanes, const Op& op)
      : lanes_(&lanes), next_(&static_cast<Warp&>(lanes).kernel().refs[op.list]) {}
  [[nodiscard]] Ref ref() { return *next_++; }
  template <class T>
  [[nodiscard]] const T* source() {
    return register_row<T>(*lanes_, ref());
  }
  /// wmma repeats f16 fragments that do not fill their registers.
  void skip(std::uint32_t count) { next_ += count; }

 private:
  LaneContext* lanes_;
  const Ref* next_;
};

// Every element of an operand as one Out, line by line.
template <class Word, class Out, class Extract>
void read_operand(Registers& registers, const OperandLayout& layout, Out* out, Extract&& extract) {
  const std::uint32_t count = layout.registers();
  const std::uint32_t per = layout.per_register();
  for (std::uint32_t r = 0; r < count; ++r) {
    const auto* const source = registers.source<Word>();
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      const FragmentPlace place = layout.place(r, lane);
      Out* const to = out + place.line * layout.k + place.k;
      for (std::uint32_t j = 0; j < per; ++j) {
        to[j] = extract(source[lane], j);
      }
    }
  }
}

inline void read_sums(Registers& registers, const SumLayout& layout, bool half,
                      std::uint32_t* sums) {
  const std::uint32_t elements = layout.elements();
  if (!half) {
    for (std::uint32_t i = 0; i < elements; ++i) {
      const auto* const source = registers.source<std::uint32_t>();
      for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
        sums[layout.index(i, lane)] = source[lane];
      }
    }
    return;
  }
  for (std::uint32_t i = 0; i < elements; i += 2) {
    const auto* const source = registers.source<std::uint32_t>();
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      sums[layout.index(i, lane)] = source[lane] & 0xffff;
      sums[layout.index(i + 1, lane)] = source[lane] >> 16;
    }
  }
}

inline void write_sums(LaneContext& lanes, Registers& registers, const SumLayout& layout, bool half,
                       const std::uint32_t* sums) {
  const std::uint32_t elements = layout.elements();
  for (std::uint32_t i = 0; i < elements; i += half ? 2 : 1) {
    const Ref ref = registers.ref();
    if (ref == kNoRef) {
      continue;
    }
    auto* const dst = register_row<std::uint32_t>(lanes, ref);
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      const std::uint32_t low = sums[layout.index(i, lane)];
      dst[lane] = half ? low | sums[layout.index(i + 1, lane)] << 16 : low;
    }
  }
}

}  // namespace rackproof::emulator::exec
