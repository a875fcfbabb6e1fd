// mma.m8n8k4 of f16: PTX ISA 9.0, section 9.7.14.5.1. Four products a warp, each by eight threads:
// four of the lower half of the warp and the four 16 lanes further. As on sm_70, but with the
// arithmetic of the target's own matrix units.
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/mma_fragments.hpp"

#include <algorithm>
#include <array>

namespace rackproof::emulator::exec {
namespace {

constexpr std::uint32_t kSize = 8;   // rows and columns
constexpr std::uint32_t kDepth = 4;  // along K
constexpr std::uint32_t kProducts = 4;

struct Half {
  std::array<const std::uint32_t*, 2> words;
  [[nodiscard]] std::uint32_t at(std::uint32_t lane, std::uint32_t i) const {
    return words[i / 2][lane] >> (i % 2 * 16) & 0xffff;
  }
};

// Rows of A or columns of B as lines along K: a thread has a line, or (`crosses`) one k of four.
void read_lines(const Half& half, std::uint32_t product, bool crosses, std::uint32_t* lines) {
  for (std::uint32_t upper = 0; upper < 2; ++upper) {
    for (std::uint32_t j = 0; j < 4; ++j) {
      const std::uint32_t lane = upper * 16 + product * 4 + j;
      for (std::uint32_t i = 0; i < 4; ++i) {
        const std::uint32_t line = upper * 4 + (crosses ? i : j);
        lines[line * kDepth + (crosses ? j : i)] = half.at(lane, i);
      }
    }
  }
}

// Index of element i of a thread in the row-major 8 x 8 sums.
std::uint32_t place(std::uint32_t lane, std::uint32_t i, bool is_f16) {
  const std::uint32_t upper = lane / 16 * 4;
  return is_f16 ? (lane % 4 + upper) * kSize + i
                : ((lane & 1) + (i & 2) + upper) * kSize + (i & 4) + (lane & 2) + (i & 1);
}

}  // namespace

void matrix_multiply_quads(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (!whole_warp(warp, mask, "mma")) {
    return;
  }
  const MmaSpec spec = MmaSpec::unpack(op.immediate);
  const bool half_c = spec.accumulator_c == tensor::Accumulator::f16;
  const bool half_d = spec.accumulator_d == tensor::Accumulator::f16;
  Registers registers(lanes, op);
  registers.skip(half_d ? 4 : 8);
  Half a{};
  Half b{};
  for (Half* const half : {&a, &b}) {
    half->words = {registers.source<std::uint32_t>(), registers.source<std::uint32_t>()};
  }
  std::array<const std::uint32_t*, 8> c{};
  for (std::uint32_t i = 0; i < (half_c ? 4U : 8U); ++i) {
    c[i] = registers.source<std::uint32_t>();
  }
  std::array<std::array<std::uint32_t, kWarpSize>, 8> d{};
  for (std::uint32_t product = 0; product < kProducts; ++product) {
    count_multiplication(warp.cta().grid().counters, spec);
    std::array<std::uint32_t, kSize * kDepth> rows;
    std::array<std::uint32_t, kSize * kDepth> columns;
    read_lines(a, product, (spec.variant & kQuadsAByColumns) != 0, rows.data());
    read_lines(b, product, (spec.variant & kQuadsBByRows) != 0, columns.data());
    std::array<std::uint32_t, kSize * kSize> sums;
    const auto visit = [&](auto&& act) {
      for (std::uint32_t i = 0; i < 8; ++i) {
        for (const std::uint32_t upper : {0U, 16U}) {
          for (std::uint32_t j = 0; j < 4; ++j) {
            act(upper + product * 4 + j, i);
          }
        }
      }
    };
    visit([&](std::uint32_t lane, std::uint32_t i) {
      const std::uint32_t code = half_c ? c[i / 2][lane] >> (i % 2 * 16) & 0xffff : c[i][lane];
      sums[place(lane, i, half_c)] =
          half_c && !half_d ? tensor::convert_accumulator(tensor::Accumulator::f16,
                                                          tensor::Accumulator::f32, code)
                            : code;
    });
    tensor::multiply_accumulate(warp.cta().grid().generation, tensor::Format::f16,
                                spec.accumulator_d, {kSize, kSize, kDepth}, rows.data(),
                                columns.data(), sums.data(), sums.data());
    visit([&](std::uint32_t lane, std::uint32_t i) {
      const std::uint32_t code = sums[place(lane, i, half_d)];
      std::uint32_t& word = d[half_d ? i / 2 : i][lane];
      word |= half_d ? code << (i % 2 * 16) : code;
    });
  }
  Registers results(lanes, op);
  for (std::uint32_t i = 0; i < (half_d ? 4U : 8U); ++i) {
    if (const Ref ref = results.ref(); ref != kNoRef) {
      auto* const dst = register_row<std::uint32_t>(lanes, ref);
      std::copy(d[i].begin(), d[i].end(), dst);
    }
  }
}

}  // namespace rackproof::emulator::exec
