// mma.sync and wmma.mma: PTX ISA 9.0, section 9.7.14. The arithmetic is emulator/tensor's.
#include "emulator/exec/cta.hpp"
#include "emulator/exec/fragments.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/mma_fragments.hpp"
#include "emulator/exec/rows.hpp"

#include <array>
#include <cstddef>

namespace rackproof::emulator::exec {
namespace {

// The largest operands: wmma's m32n8k16 and m8n32k16; C and D have 256 elements at most.
constexpr std::size_t kMaximumElements = 32 * 16;
constexpr std::size_t kMaximumSums = 256;

std::uint32_t bits_of(tensor::Format format) {
  switch (format) {
    case tensor::Format::tf32:
      return 32;
    case tensor::Format::e4m3:
    case tensor::Format::e5m2:
      return 8;
    default:
      return 16;
  }
}

// wmma alone mixes f16 and f32 sums: it widens C before, or rounds D after.
void convert_sums(std::uint32_t* sums, std::size_t count, tensor::Accumulator from,
                  tensor::Accumulator to) {
  for (std::size_t i = 0; i < (from == to ? 0 : count); ++i) {
    sums[i] = tensor::convert_accumulator(from, to, sums[i]);
  }
}

std::uint32_t sum_registers(const SumLayout& layout, tensor::Accumulator accumulator) {
  return layout.elements() / (accumulator == tensor::Accumulator::f16 ? 2 : 1);
}

void multiply_double(LaneContext& lanes, const Op& op, const MmaSpec& spec) {
  const auto m = static_cast<std::uint32_t>(spec.shape.m);
  const auto n = static_cast<std::uint32_t>(spec.shape.n);
  const auto k = static_cast<std::uint32_t>(spec.shape.k);
  alignas(64) std::array<double, 16 * 16> a;
  alignas(64) std::array<double, 8 * 16> b;
  alignas(64) std::array<double, 16 * 8> c;
  const SumLayout sums{m, n};
  Registers registers(lanes, op);
  registers.skip(sums.elements());
  const auto whole = [](double word, std::uint32_t) { return word; };
  read_operand<double>(registers, {m, k, 64, true}, a.data(), whole);
  read_operand<double>(registers, {n, k, 64, false}, b.data(), whole);
  for (std::uint32_t i = 0; i < sums.elements(); ++i) {
    const auto* const source = registers.source<double>();
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      c[sums.index(i, lane)] = source[lane];
    }
  }
  tensor::multiply_accumulate_f64(spec.shape, static_cast<tensor::DoubleRounding>(spec.variant),
                                  a.data(), b.data(), c.data(), c.data());
  Registers results(lanes, op);
  for (std::uint32_t i = 0; i < sums.elements(); ++i) {
    if (const Ref ref = results.ref(); ref != kNoRef) {
      auto* const dst = register_row<double>(lanes, ref);
      for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
        dst[lane] = c[sums.index(i, lane)];
      }
    }
  }
}

// wmma with tf32 is two multiplications of four steps of k each: ptxas (13.0) expands it so.
void multiply_in_steps(tensor::Generation generation, const MmaSpec& spec, const std::uint32_t* a,
                       const std::uint32_t* b, std::uint32_t* c) {
  constexpr std::size_t kStep = 4;
  tensor::MmaShape shape = spec.shape;
  const auto k = static_cast<std::size_t>(shape.k);
  shape.k = kStep;
  for (std::size_t first = 0; first < k; first += kStep) {
    std::array<std::uint32_t, 16 * kStep> part_a;
    std::array<std::uint32_t, 16 * kStep> part_b;
    for (std::size_t i = 0; i < part_a.size(); ++i) {
      part_a[i] = a[i / kStep * k + first + i % kStep];
      part_b[i] = b[i / kStep * k + first + i % kStep];
    }
    tensor::multiply_accumulate(generation, spec.format_a, tensor::Accumulator::f32, shape,
                                part_a.data(), part_b.data(), c, c);
  }
}

}  // namespace

void count_multiplication(GridCounters& counters, const MmaSpec& spec) {
  const double flops = 2.0 * spec.shape.m * spec.shape.n * spec.shape.k;
  switch (spec.kind) {
    case MatrixKind::floating: {
      const std::uint32_t bits = spec.bits;
      (bits == 32   ? counters.mma_flops_tf32
       : bits == 16 ? counters.mma_flops_f16
                    : counters.mma_flops_fp8) += flops;
      break;
    }
    case MatrixKind::f64:
      counters.mma_flops_f64 += flops;
      break;
    default:
      counters.mma_ops_integer += flops;
      break;
  }
}

void matrix_multiply(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (!whole_warp(warp, mask, "mma")) {
    return;
  }
  const MmaSpec spec = MmaSpec::unpack(op.immediate);
  GridContext& grid = warp.cta().grid();
  count_multiplication(grid.counters, spec);
  const auto m = static_cast<std::uint32_t>(spec.shape.m);
  const auto n = static_cast<std::uint32_t>(spec.shape.n);
  const auto k = static_cast<std::uint32_t>(spec.shape.k);
  const std::uint32_t bits = bits_of(spec.format_a);
  const std::uint32_t element = bits == 32 ? ~0U : (1U << bits) - 1;
  const SumLayout sums{m, n};
  alignas(64) std::array<std::uint32_t, kMaximumElements> a;
  alignas(64) std::array<std::uint32_t, kMaximumElements> b;
  alignas(64) std::array<std::uint32_t, kMaximumSums> c;
  Registers registers(lanes, op);
  registers.skip(sum_registers(sums, spec.accumulator_d));
  const auto extract = [bits, element](std::uint32_t word, std::uint32_t j) {
    return word >> (j * bits) & element;
  };
  for (const bool is_a : {true, false}) {
    const OperandLayout layout{is_a ? m : n, k, bits, is_a};
    read_operand<std::uint32_t>(registers, layout, is_a ? a.data() : b.data(), extract);
    registers.skip(spec.variant == kWmmaHalf ? 8 - layout.registers() : 0);
  }
  const bool half_c = spec.accumulator_c == tensor::Accumulator::f16;
  read_sums(registers, sums, half_c, c.data());
  const bool both_half = half_c && spec.accumulator_d == tensor::Accumulator::f16;
  const auto accumulator = both_half ? tensor::Accumulator::f16 : tensor::Accumulator::f32;
  convert_sums(c.data(), std::size_t{m} * n, spec.accumulator_c, accumulator);
  if (spec.variant == kWmmaSteps) {
    multiply_in_steps(grid.generation, spec, a.data(), b.data(), c.data());
  } else {
    tensor::multiply_accumulate(grid.generation, spec.format_a, spec.format_b, accumulator,
                                spec.shape, a.data(), b.data(), c.data(), c.data());
  }
  convert_sums(c.data(), std::size_t{m} * n, accumulator, spec.accumulator_d);
  Registers results(lanes, op);
  write_sums(lanes, results, sums, spec.accumulator_d == tensor::Accumulator::f16, c.data());
}

void matrix_multiply_exact(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (!whole_warp(warp, mask, "mma")) {
    return;
  }
  const MmaSpec spec = MmaSpec::unpack(op.immediate);
  count_multiplication(warp.cta().grid().counters, spec);
  if (spec.kind == MatrixKind::f64) {
    multiply_double(lanes, op, spec);
    return;
  }
  const auto m = static_cast<std::uint32_t>(spec.shape.m);
  const auto n = static_cast<std::uint32_t>(spec.shape.n);
  const auto k = static_cast<std::uint32_t>(spec.shape.k);
  const SumLayout sums{m, n};
  alignas(64) std::array<std::int32_t, kMaximumSums> c;
  const auto read_addends = [&](Registers& registers) {
    for (std::uint32_t i = 0; i < sums.elements(); ++i) {
      const auto* const source = registers.source<std::int32_t>();
      for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
        c[sums.index(i, lane)] = source[lane];
      }
    }
  };
  Registers registers(lanes, op);
  registers.skip(sums.elements());
  if (spec.kind == MatrixKind::bits) {
    // Whole words are the elements.
    alignas(64) std::array<std::uint32_t, 16 * 8> a;
    alignas(64) std::array<std::uint32_t, 8 * 8> b;
    const auto whole = [](std::uint32_t word, std::uint32_t) { return word; };
    read_operand<std::uint32_t>(registers, {m, k / 32, 32, true}, a.data(), whole);
    read_operand<std::uint32_t>(registers, {n, k / 32, 32, false}, b.data(), whole);
    read_addends(registers);
    tensor::multiply_accumulate_bits(spec.shape, static_cast<tensor::BitOperation>(spec.variant),
                                     a.data(), b.data(), c.data(), c.data());
  } else {
    alignas(64) std::array<std::int16_t, 16 * 64> a;
    alignas(64) std::array<std::int16_t, 32 * 64> b;
    const auto extract = [&spec](bool is_signed) {
      return [bits = spec.bits, is_signed](std::uint32_t word, std::uint32_t j) {
        const std::uint32_t code = word >> (j * bits) << (32 - bits);
        return static_cast<std::int16_t>(is_signed
                                             ? static_cast<std::int32_t>(code) >> (32 - bits)
                                             : static_cast<std::int32_t>(code >> (32 - bits)));
      };
    };
    read_operand<std::uint32_t>(registers, {m, k, spec.bits, true}, a.data(),
                                extract(spec.signed_a));
    read_operand<std::uint32_t>(registers, {n, k, spec.bits, false}, b.data(),
                                extract(spec.signed_b));
    read_addends(registers);
    tensor::multiply_accumulate_integer(spec.shape, spec.satfinite, a.data(), b.data(), c.data(),
                                        c.data());
  }
  Registers results(lanes, op);
  for (std::uint32_t i = 0; i < sums.elements(); ++i) {
    if (const Ref ref = results.ref(); ref != kNoRef) {
      auto* const dst = register_row<std::int32_t>(lanes, ref);
      for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
        dst[lane] = c[sums.index(i, lane)];
      }
    }
  }
}

}  // namespace rackproof::emulator::exec
