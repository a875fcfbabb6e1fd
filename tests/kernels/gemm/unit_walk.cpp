#include "tests/kernels/gemm/unit_walk.hpp"

#include "emulator/tensor/matrix_unit.hpp"
#include "kernels/common/block_scale.hpp"
#include "kernels/common/host_codec.hpp"
#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_buffers.hpp"
#include "kernels/gemm/gemm_split.hpp"
#include "runtime/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

namespace rackproof::kernels::gemm {
namespace {

namespace tensor = emulator::tensor;
using Codes = std::vector<std::uint32_t>;

/// One operand: codes of its elements and scales, row by row, K padded with zeros.
struct Operand {
  std::size_t rows = 0;
  std::size_t k = 0;  ///< padded
  std::size_t scales_of_row = 0;
  Codes codes;
  std::vector<std::uint8_t> scales;
};

/// One instruction. `k`: products that it adds at once.
struct Instruction {
  std::size_t k = 0;
  bool by_unit = true;  ///< else mma.sync, or none of the units
  tensor::MatrixUnit unit;
  tensor::Format format = tensor::Format::f16;
};

tensor::Format format_of(ElementType type) {
  switch (type) {
    case ElementType::bf16:
      return tensor::Format::bf16;
    case ElementType::tf32:
      return tensor::Format::tf32;
    case ElementType::fp8_e4m3:
    case ElementType::mxfp8:
      return tensor::Format::e4m3;
    case ElementType::fp8_e5m2:
      return tensor::Format::e5m2;
    case ElementType::mxfp4:
    case ElementType::nvfp4:
      return tensor::Format::e2m1;
    default:
      return tensor::Format::f16;
  }
}

/// 32 bytes of K an instruction, in every unit and type, or 48.
Instruction instruction_of(ElementType type, Unit unit) {
  const std::size_t step_bits = unit == Unit::tcgen05_k96 ? 384 : 256;
  Instruction found{.k = step_bits / element_bits(type),
                    .by_unit = unit != Unit::mma_sync_ada,
                    .unit = {},
                    .format = format_of(type)};
  if (!found.by_unit) {
    return found;
  }
  found.unit.k = found.k;
  found.unit.format_a = found.unit.format_b = found.format;
  if (unit == Unit::wgmma) {
    found.unit.kind = tensor::UnitKind::wgmma;
  } else if (type == ElementType::tf32) {
    found.unit.kind = tensor::UnitKind::tf32;
  } else if (type == ElementType::fp8_e4m3 || type == ElementType::fp8_e5m2) {
    found.unit.kind = tensor::UnitKind::f8f6f4;
  } else if (type == ElementType::mxfp8) {
    found.unit.kind = tensor::UnitKind::mxf8f6f4;
  } else if (type == ElementType::mxfp4) {
    found.unit.kind = tensor::UnitKind::mxf4;
  } else if (type == ElementType::nvfp4) {
    found.unit.kind = tensor::UnitKind::mxf4nvf4;
    found.unit.scale_format = tensor::ScaleFormat::ue4m3;
  } else {
    found.unit.kind = tensor::UnitKind::f16;
  }
  if (scale_interval(type) != 0) {
    found.unit.scale_block = static_cast<std::size_t>(scale_interval(type));
  }
  return found;
}

/// Numbers over 16 powers of two, in whatever the type can hold of them.
std::uint32_t draw(ElementType type, std::mt19937& random) {
  if (element_bits(type) == 4) {
    return random() % 16;
  }
  if (type == ElementType::int8) {
    return (random() % 255 + 129) & 0xFFU;  // not -128, which has no opposite
  }
  const auto fraction = 1.0F + static_cast<float>(random() % 4096) / 4096.0F;
  const auto exponent = static_cast<int>(random() % 16) - 10;
  const float value = std::ldexp(random() % 2 == 0 ? fraction : -fraction, exponent);
  std::uint32_t code = 0;
  const ElementType element = type == ElementType::mxfp8 ? ElementType::fp8_e4m3 : type;
  encode(element, std::span<const float>(&value, 1), &code);
  return code;
}

std::uint32_t opposite(ElementType type, std::uint32_t code) {
  if (type == ElementType::int8) {
    return (256 - code) & 0xFFU;
  }
  return code ^ (1U << (element_bits(type) - 1));
}

/// Of odd rows the second half of K is the first one, with the other sign if `negates`.
Operand draw_operand(ElementType type, std::size_t rows, std::size_t k, std::size_t padded_k,
                     bool negates, std::uint32_t seed) {
  std::mt19937 random(seed);
  const int interval = scale_interval(type);
  Operand operand{
      .rows = rows,
      .k = padded_k,
      .scales_of_row = interval == 0 ? 0 : padded_k / static_cast<std::size_t>(interval),
      .codes = Codes(rows * padded_k),
      .scales = {}};
  operand.scales.resize(rows * operand.scales_of_row);
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < k; ++i) {
      std::uint32_t& code = operand.codes[row * padded_k + i];
      const bool takes_back = i >= k / 2 && (!negates || row % 2 == 1);
      const std::uint32_t before = takes_back ? operand.codes[row * padded_k + i - k / 2] : 0;
      code = !takes_back ? draw(type, random) : negates ? opposite(type, before) : before;
    }
    const std::size_t scales = interval == 0 ? 0 : k / static_cast<std::size_t>(interval);
    for (std::size_t i = 0; i < scales; ++i) {
      std::uint8_t& scale = operand.scales[row * operand.scales_of_row + i];
      // 2^-4 to 2^3 in ue8m0, 0.125 to 15 in ue4m3.
      scale = static_cast<std::uint8_t>(type == ElementType::nvfp4 ? 0x20 + random() % 56
                                                                   : 123 + random() % 8);
      if (i >= scales / 2) {
        scale = operand.scales[row * operand.scales_of_row + i - scales / 2];
      }
    }
  }
  return operand;
}

/// Into device memory, as block_scale.hpp and gemm.hpp lay it out. Bytes that no element has stay.
void put(ElementType type, const Operand& operand, std::int64_t k, std::int64_t leading_dimension,
         runtime::DeviceBuffer<std::byte>& elements, runtime::DeviceBuffer<std::byte>& scales) {
  std::vector<std::byte> bytes = elements.download();
  const std::size_t bits = element_bits(type);
  for (std::size_t row = 0; row < operand.rows; ++row) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(k); ++i) {
      const std::uint32_t code = operand.codes[row * operand.k + i];
      const std::size_t bit = (row * static_cast<std::size_t>(leading_dimension) + i) * bits;
      if (bits == 4) {
        const auto shift = bit % 8;
        bytes[bit / 8] &= std::byte{0xF0} >> static_cast<int>(shift);
        bytes[bit / 8] |= static_cast<std::byte>(code << shift);
      } else {
        std::memcpy(&bytes[bit / 8], &code, bits / 8);
      }
    }
  }
  RACKPROOF_CUDA(cudaMemcpy(elements.data(), bytes.data(), bytes.size(), cudaMemcpyHostToDevice));
  if (operand.scales.empty()) {
    return;
  }
  std::vector<std::byte> codes = scales.download();
  const std::int64_t blocks = scale_blocks_of_row(type, k);
  for (std::size_t row = 0; row < operand.rows; ++row) {
    for (std::int64_t i = 0; i < k / scale_interval(type); ++i) {
      codes[scale_offset(static_cast<std::int64_t>(row), i, blocks)] = static_cast<std::byte>(
          operand.scales[row * operand.scales_of_row + static_cast<std::size_t>(i)]);
    }
  }
  RACKPROOF_CUDA(cudaMemcpy(scales.data(), codes.data(), codes.size(), cudaMemcpyHostToDevice));
}

std::uint32_t float_bits(float value) {
  return std::bit_cast<std::uint32_t>(value);
}
float bits_float(std::uint32_t bits) {
  return std::bit_cast<float>(bits);
}

/// mma.sync of 8.9: fp16, bf16, tf32, and fp8 on its own unit, whose sums start from zero and are
/// added in fp32, or widened to fp16: then k 4t, 4t + 1 of 16 are the first half of an instruction.
std::uint32_t add_by_mma_sync(const GemmKernel& kernel, const Instruction& instruction,
                              const std::uint32_t* a, const std::uint32_t* b, std::uint32_t sum) {
  using tensor::multiply_accumulate;
  constexpr auto kF32 = tensor::Accumulator::f32;
  constexpr auto kAda = tensor::Generation::ada;
  const bool is_fp8 = instruction.k == 32;
  if (is_fp8 && kernel.short_sums.step != 0) {
    std::uint32_t products = 0;
    multiply_accumulate(kAda, instruction.format, kF32, {1, 1, 32}, a, b, &products, &products);
    return float_bits(bits_float(sum) + bits_float(products));
  }
  if (!is_fp8) {
    multiply_accumulate(kAda, instruction.format, kF32, {1, 1, static_cast<int>(instruction.k)}, a,
                        b, &sum, &sum);
    return sum;
  }
  const auto widened = [&](std::uint32_t code) -> std::uint32_t {
    const auto byte = static_cast<std::uint8_t>(code);
    return float_to_fp16(instruction.format == tensor::Format::e4m3 ? fp8_e4m3_to_float(byte)
                                                                    : fp8_e5m2_to_float(byte));
  };
  for (std::size_t part = 0; part < 32; part += 16) {
    std::uint32_t wide_a[16];
    std::uint32_t wide_b[16];
    for (std::size_t i = 0; i < 16; ++i) {
      const std::size_t place = i / 2 % 2 * 8 + i / 4 * 2 + i % 2;
      wide_a[place] = widened(a[part + i]);
      wide_b[place] = widened(b[part + i]);
    }
    multiply_accumulate(kAda, tensor::Format::f16, kF32, {1, 1, 16}, wide_a, wide_b, &sum, &sum);
  }
  return sum;
}

/// The accumulator of one element when K has been walked.
std::uint32_t accumulated(const GemmKernel& kernel, const Instruction& instruction,
                          const Operand& a, std::size_t row, const Operand& b, std::size_t column) {
  const std::uint32_t* const codes_a = &a.codes[row * a.k];
  const std::uint32_t* const codes_b = &b.codes[column * b.k];
  if (!instruction.by_unit) {
    std::uint32_t sum = 0;
    for (std::size_t k = 0; k < a.k; k += instruction.k) {
      sum = add_by_mma_sync(kernel, instruction, codes_a + k, codes_b + k, sum);
    }
    return sum;
  }
  const auto interval = static_cast<std::size_t>(kernel.short_sums.interval);
  std::uint32_t sum = 0;
  std::uint32_t promoted = 0;
  for (std::size_t k = 0; k < a.k; k += instruction.k) {
    const std::size_t scale = a.scales_of_row == 0 ? 0 : k / instruction.unit.scale_block;
    const std::uint8_t* const scales_a = a.scales.data() + row * a.scales_of_row + scale;
    const std::uint8_t* const scales_b = b.scales.data() + column * b.scales_of_row + scale;
    sum = multiply_element(instruction.unit, codes_a + k, codes_b + k, scales_a, scales_b, sum);
    if (interval != 0 && (k + instruction.k) % interval == 0) {
      promoted = float_bits(bits_float(promoted) + bits_float(sum));
      sum = 0;
    }
  }
  return interval == 0 ? sum : promoted;
}

/// int8: exact; fp32: fused multiply-adds over rising k; fp64: of 8 the even k come first, since a
/// lane loads two neighbours at once and DMMA takes one of each lane.
std::uint64_t accumulated_exactly(ElementType type, const GemmBuffers::Set& set,
                                  const GemmProblem& problem, std::size_t row, std::size_t column) {
  const auto k = static_cast<std::size_t>(problem.shape().k);
  const auto stride = static_cast<std::size_t>(problem.leading_dimension()) * element_bytes(type);
  const auto walk = [&]<typename T, typename Sum>(T, Sum sum) {
    std::vector<T> a(k);
    std::vector<T> b(k);
    RACKPROOF_CUDA(
        cudaMemcpy(a.data(), set.a.data() + row * stride, k * sizeof(T), cudaMemcpyDeviceToHost));
    RACKPROOF_CUDA(cudaMemcpy(b.data(), set.b.data() + column * stride, k * sizeof(T),
                              cudaMemcpyDeviceToHost));
    for (std::size_t step = 0; step < k; ++step) {
      if constexpr (std::is_integral_v<T>) {
        sum += a[step] * b[step];
      } else {
        const bool in_pairs = std::is_same_v<T, double>;
        const std::size_t i = in_pairs ? step / 8 * 8 + step % 4 * 2 + step / 4 % 2 : step;
        sum = std::fma(a[i], b[i], sum);
      }
    }
    std::uint64_t bits = 0;
    std::memcpy(&bits, &sum, sizeof(sum));
    return bits;
  };
  return type == ElementType::int8   ? walk(std::int8_t{}, std::int32_t{})
         : type == ElementType::fp64 ? walk(double{}, double{})
                                     : walk(float{}, float{});
}

std::uint64_t rounded(ElementType result, std::uint32_t sum) {
  return result == ElementType::bf16   ? float_to_bf16(bits_float(sum))
         : result == ElementType::fp16 ? float_to_fp16(bits_float(sum))
                                       : sum;
}

/// As GemmWorkload does; persistent kernels on one cluster, which computes all tiles.
void launch(const GemmKernel& kernel, const GemmProblem& problem, GemmBuffers::Set& set) {
  const GemmShape& shape = problem.shape();
  KernelArguments arguments{.a = set.a.data(),
                            .b = set.b.data(),
                            .d = set.d.data(),
                            .a_scales = set.a_scales.data(),
                            .b_scales = set.b_scales.data(),
                            .lda = problem.leading_dimension(),
                            .ldb = problem.leading_dimension(),
                            .m = static_cast<int>(shape.m),
                            .n = static_cast<int>(shape.n),
                            .k = static_cast<int>(shape.k)};
  const bool persists = kernel.launch != nullptr && !kernel.grid_of_tiles;
  const std::int64_t blocks = persists ? kernel.cluster_m : tiles_of(kernel, shape);
  RACKPROOF_CUDA(cudaFuncSetAttribute(kernel.function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                      kernel.shared_bytes));
  if (kernel.launch != nullptr) {
    kernel.launch(kernel, problem, arguments, blocks, nullptr);
  } else {
    void* parameters[] = {&arguments};
    RACKPROOF_CUDA(cudaLaunchKernel(kernel.function, dim3(static_cast<unsigned>(blocks)),
                                    dim3(static_cast<unsigned>(kernel.threads)),
                                    static_cast<void**>(parameters),
                                    static_cast<std::size_t>(kernel.shared_bytes), nullptr));
  }
  RACKPROOF_CUDA(cudaDeviceSynchronize());
}

bool is_exact(ElementType type) {
  return type == ElementType::int8 || type == ElementType::fp64 || type == ElementType::fp32;
}

}  // namespace

void expect_bits_of_unit(const GemmKernel& kernel, ElementType type, Unit unit) {
  SCOPED_TRACE(kernel.name);
  // Two tiles each way but for a rest, two and a half K-tiles and as much again, opposite.
  const std::int64_t half_k = kernel.tile_k * 5 / 2 / 32 * 32;
  // Scales come in blocks of 128 rows: a swapped tile of fewer takes no more rows than it has.
  const std::int64_t rows_of_a =
      kernel.swapped && kernel.most_rows != 0 ? kernel.most_rows - 3 : kernel.tile_m + 24;
  const GemmShape shape{
      .m = rows_of_a, .n = kernel.tile_n + 8, .k = std::max<std::int64_t>(2 * half_k, 64)};
  const GemmProblem problem(type, shape);
  GemmBuffers buffers(problem, {.seed = 7});
  const auto k = static_cast<std::size_t>(shape.k);
  const auto step = unit == Unit::tcgen05_k96
                        ? std::size_t{96}
                        : static_cast<std::size_t>(std::max(kernel.tile_k, 64));
  const std::size_t padded_k = (k + step - 1) / step * step;
  const auto rows = static_cast<std::size_t>(shape.m);
  const auto columns = static_cast<std::size_t>(shape.n);
  Operand a;
  Operand b;
  if (!is_exact(type)) {
    a = draw_operand(type, rows, k, padded_k, true, 1);
    b = draw_operand(type, columns, k, padded_k, false, 2);
    GemmBuffers::Set& set = buffers.current();
    put(type, a, shape.k, problem.leading_dimension(), set.a, set.a_scales);
    put(type, b, shape.k, problem.leading_dimension(), set.b, set.b_scales);
  }
  launch(kernel, problem, buffers.current());
  const std::vector<std::byte> results = buffers.current().d.download();

  const Instruction instruction = is_exact(type) ? Instruction{} : instruction_of(type, unit);
  const std::uint32_t bytes = element_bytes(problem.result_type());
  constexpr std::size_t kElements = 1500;
  std::mt19937 random(3);
  std::size_t remainders = 0;
  for (std::size_t i = 0; i < kElements; ++i) {
    const std::size_t row = random() % rows;
    const std::size_t column = random() % columns;
    std::uint64_t actual = 0;
    std::memcpy(&actual, &results[(row * columns + column) * bytes], bytes);
    const std::uint64_t expected =
        is_exact(type)
            ? accumulated_exactly(type, buffers.current(), problem, row, column)
            : rounded(problem.result_type(), accumulated(kernel, instruction, a, row, b, column));
    ASSERT_EQ(actual, expected) << std::hex << "row " << row << ", column " << column;
    remainders += row % 2 == 1 && actual != 0 ? 1 : 0;
  }
  // Where every sum was exact the walk would show nothing about the order of additions. Sums that
  // start from zero for each instruction cancel, and so do those of the few values of e2m1.
  const bool cancels = is_exact(type) || element_bits(type) == 4 ||
                       kernel.short_sums.interval == static_cast<int>(instruction.k);
  EXPECT_TRUE(cancels || remainders > kElements / 8) << remainders;
}

}  // namespace rackproof::kernels::gemm
