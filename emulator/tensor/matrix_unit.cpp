#include "emulator/tensor/matrix_unit.hpp"

#include "emulator/tensor/unit_tile.hpp"

#include <bit>
#include <string>

namespace rackproof::emulator::tensor {
namespace {

bool is_f8f6f4(Format format) {
  return format >= Format::e4m3;
}
bool is_fp8(Format format) {
  return format == Format::e4m3 || format == Format::e5m2;
}

/// K of the dense form; 0: the formats do not fit the kind.
std::size_t dense_k(const MatrixUnit& unit) {
  const Format a = unit.format_a;
  const Format b = unit.format_b;
  const bool half = a == b && (a == Format::f16 || a == Format::bf16);
  const bool tf32 = a == Format::tf32 && b == Format::tf32;
  switch (unit.kind) {
    case UnitKind::wgmma:
      return half ? 16 : tf32 ? 8 : is_fp8(a) && is_fp8(b) ? 32 : 0;
    case UnitKind::f16:
      return half ? 16 : 0;
    case UnitKind::tf32:
      return tf32 ? 8 : 0;
    case UnitKind::f8f6f4:
    case UnitKind::mxf8f6f4:
      return is_f8f6f4(a) && is_f8f6f4(b) ? 32 : 0;
    case UnitKind::mxf4:
    case UnitKind::mxf4nvf4:
      return a == Format::e2m1 && b == Format::e2m1 ? (unit.k == 96 ? 96 : 64) : 0;
    case UnitKind::wgmma_bits:
      return 256;
    default:
      return 32;
  }
}

bool may_sum_in_f16(const MatrixUnit& unit) {
  switch (unit.kind) {
    case UnitKind::wgmma:
      return unit.format_a == Format::f16 || is_fp8(unit.format_a);
    case UnitKind::f16:
      return unit.format_a == Format::f16;
    default:
      return unit.kind == UnitKind::f8f6f4;
  }
}

void count_bits(const MatrixUnit& unit, const PreparedOperand& a, const PreparedOperand& b,
                std::uint32_t* d, std::size_t stride) {
  const std::size_t words = unit.k / 32;
  for (std::size_t m = 0; m < a.lines(); ++m) {
    for (std::size_t n = 0; n < b.lines(); ++n) {
      for (std::size_t k = 0; k < words; ++k) {
        d[m * stride + n] += static_cast<std::uint32_t>(
            std::popcount(a.codes().codes[m * words + k] & b.codes().codes[n * words + k]));
      }
    }
  }
}

}  // namespace

void validate(const MatrixUnit& unit) {
  const std::size_t dense = dense_k(unit);
  if (dense == 0) {
    throw UnknownArithmetic("the kind does not multiply these two formats");
  }
  const bool may_be_sparse = unit.kind != UnitKind::wgmma_bits && unit.k != 96;
  if (unit.k != dense && !(may_be_sparse && unit.k == 2 * dense)) {
    throw UnknownArithmetic("the kind has no K = " + std::to_string(unit.k));
  }
  if (unit.accumulator == Accumulator::f16 && !may_sum_in_f16(unit)) {
    throw UnknownArithmetic("the kind has no sums in f16");
  }
  const std::size_t group = group_elements(unit);
  const bool block_fits = sums_groups(unit)
                              ? unit.scale_block == 2 * group ||
                                    (unit.scale_block == group && unit.kind == UnitKind::mxf4nvf4)
                              : unit.scale_block == unit.k;
  if (unit.block_scaled() && !block_fits) {
    throw UnknownArithmetic("the kind has no scale factor for each " +
                            std::to_string(unit.scale_block) + " elements of K");
  }
}

std::size_t group_elements(const MatrixUnit& unit) {
  return unit.k == 128 ? 32 : 16;
}

DotModel unit_model(const MatrixUnit& unit) {
  if (unit.kind == UnitKind::wgmma && is_fp8(unit.format_a)) {
    constexpr std::uint32_t kThirteenFractionBits = ~((1U << 10) - 1);
    return {.kept_bits = 13,
            .result_mask =
                unit.accumulator == Accumulator::f32 ? kThirteenFractionBits : ~std::uint32_t{0}};
  }
  return {.kept_bits = sums_groups(unit) ? 35 : 25};
}

void multiply_accumulate_on(VectorPath path, const MatrixUnit& unit, const PreparedOperand& a,
                            const PreparedOperand& b, std::uint32_t* d, std::size_t stride) {
  if (unit.kind == UnitKind::wgmma_bits) {
    count_bits(unit, a, b, d, stride);
    return;
  }
  std::vector<std::uint16_t> redo;
  multiply_unit_tile({.unit = &unit,
                      .model = unit_model(unit),
                      .a = &a.decoded(),
                      .b = &b.decoded(),
                      .d = d,
                      .stride = stride},
                     path, redo);
  const std::size_t blocks = b.decoded().padded_lines / kUnitLanes;
  const std::size_t scales = unit.scales();
  for (std::size_t i = 0; i < redo.size(); ++i) {
    for (std::uint32_t rest = redo[i]; rest != 0; rest &= rest - 1) {
      const std::size_t m = i / blocks;
      const std::size_t n =
          i % blocks * kUnitLanes + static_cast<std::size_t>(std::countr_zero(rest));
      std::uint32_t& element = d[m * stride + n];
      element = multiply_element(unit, &a.codes().codes[m * unit.k], &b.codes().codes[n * unit.k],
                                 a.codes().scales.data() + m * scales,
                                 b.codes().scales.data() + n * scales, element);
    }
  }
}

void multiply_accumulate(const MatrixUnit& unit, const PreparedOperand& a, const PreparedOperand& b,
                         std::uint32_t* d, std::size_t stride) {
  static const VectorPath path = best_vector_path();
  multiply_accumulate_on(path, unit, a, b, d, stride);
}

}  // namespace rackproof::emulator::tensor
