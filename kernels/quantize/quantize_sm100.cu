/// Quantisers to mxfp8, mxfp4 and nvfp4: a CTA makes one block of 128 rows x 4 scales, a thread two
/// scales with their elements. Reads and writes are whole sectors: a thread's 16 or 32 elements are
/// neighbours, the scales of a block leave through shared memory.

#include "kernels/common/block_scale.hpp"
#include "kernels/ptx/narrow.cuh"
#include "kernels/quantize/quantize.hpp"
#include "runtime/error.hpp"

#include <stdexcept>

namespace rackproof::kernels::quantize {
namespace {

constexpr int kThreads = 256;
constexpr int kScales = static_cast<int>(kScaleBlockScales);
constexpr int kRowsPerPass = kThreads / kScales;
constexpr int kPasses = static_cast<int>(kScaleBlockRows) / kRowsPerPass;
static_assert(kPasses * kRowsPerPass == kScaleBlockRows, "whole passes cover a block of scales");
/// Elements of one 32-byte read.
constexpr int kPerRead = 16;

/// Scales that are powers of two: ue8m0. `LargestExponent`: of the element type.
template <int LargestExponent>
struct PowerOfTwoScale {
  static constexpr int kInterval = 32;
  /// 2^(floor(log2 a) - LargestExponent).
  static __device__ std::uint32_t scale_code(float largest) {
    const int exponent = static_cast<int>(__float_as_uint(largest) >> 23);  // biased by 127 too
    return static_cast<std::uint32_t>(max(exponent - LargestExponent, 0));
  }
  /// 2^-127 is no normal number.
  static __device__ float scale(std::uint32_t code) {
    return __uint_as_float(code == 0 ? 1U << 22 : code << 23);
  }
};

/// e4m3: 448 = 1.75 * 2^8.
struct Mxfp8 : PowerOfTwoScale<8> {
  static __device__ void store(void* destination, const float (&x)[kInterval]) {
    auto* words = static_cast<uint4*>(destination);
#pragma unroll
    for (int i = 0; i < kInterval / 16; ++i) {
      std::uint32_t word[4];
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const float* four = &x[i * 16 + j * 4];
        word[j] = ptx::e4m3x2_from_floats(four[0], four[1]) |
                  ptx::e4m3x2_from_floats(four[2], four[3]) << 16;
      }
      words[i] = make_uint4(word[0], word[1], word[2], word[3]);
    }
  }
  static constexpr int kElementBytes = kInterval;
};

/// Eight e2m1 of consecutive elements.
__device__ std::uint32_t pack_e2m1(const float* x) {
  std::uint32_t word = 0;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    word |= ptx::e2m1x2_from_floats(x[2 * i], x[2 * i + 1]) << (i * 8);
  }
  return word;
}

/// e2m1: 6 = 1.5 * 2^2.
struct Mxfp4 : PowerOfTwoScale<2> {
  static __device__ void store(void* destination, const float (&x)[kInterval]) {
    *static_cast<uint4*>(destination) =
        make_uint4(pack_e2m1(x), pack_e2m1(x + 8), pack_e2m1(x + 16), pack_e2m1(x + 24));
  }
  static constexpr int kElementBytes = kInterval / 2;
};

struct Nvfp4 {
  static constexpr int kInterval = 16;
  static __device__ std::uint32_t scale_code(float largest) {
    constexpr float kLargestElement = 6.0F;
    return ptx::e4m3x2_from_floats(__fdiv_rn(largest, kLargestElement), 0.0F) & 0x7FU;
  }
  /// e4m3, without its sign.
  static __device__ float scale(std::uint32_t code) {
    constexpr std::uint32_t kBiasDifference = 127 - 7;
    return code < 8 ? static_cast<float>(code) * 0x1p-9F
                    : __uint_as_float((code + (kBiasDifference << 3)) << 20);
  }
  static __device__ void store(void* destination, const float (&x)[kInterval]) {
    *static_cast<uint2*>(destination) = make_uint2(pack_e2m1(x), pack_e2m1(x + 8));
  }
  static constexpr int kElementBytes = kInterval / 2;
};

/// Blocks of scales: x along the rows, y over rows of blocks.
template <typename Format>
__global__ void __launch_bounds__(kThreads) quantize_kernel(QuantizeArguments arguments) {
  __shared__ std::uint8_t codes[kScaleBlockBytes];
  const int thread = static_cast<int>(threadIdx.x);
  const int scale_of_row = static_cast<int>(blockIdx.x) * kScales + thread % kScales;
  const int first_row = static_cast<int>(blockIdx.y) * static_cast<int>(kScaleBlockRows);
  const int column = scale_of_row * Format::kInterval;
#pragma unroll
  for (int pass = 0; pass < kPasses; ++pass) {
    const int row_of_block = pass * kRowsPerPass + thread / kScales;
    const int row = first_row + row_of_block;
    std::uint32_t code = 0;
    if (row < arguments.rows && column < arguments.columns) {
      const auto* source = static_cast<const std::uint16_t*>(arguments.source) +
                           static_cast<std::int64_t>(row) * arguments.columns + column;
      float x[Format::kInterval];
      float largest = 0;
#pragma unroll
      for (int read = 0; read < Format::kInterval / kPerRead; ++read) {
        std::uint32_t pairs[kPerRead / 2];
        ptx::ld_global_stream_32(pairs, source + read * kPerRead);
#pragma unroll
        for (int i = 0; i < kPerRead; ++i) {
          const std::uint32_t pair = pairs[i / 2];
          const float value = __uint_as_float(i % 2 == 0 ? pair << 16 : pair & 0xFFFF0000U);
          x[read * kPerRead + i] = value;
          largest = fmaxf(largest, fabsf(value));
        }
      }
      code = Format::scale_code(largest);
      const float scale = Format::scale(code);
#pragma unroll
      for (int i = 0; i < Format::kInterval; ++i) {
        x[i] = scale == 0.0F ? 0.0F : __fdiv_rn(x[i], scale);
      }
      Format::store(static_cast<std::uint8_t*>(arguments.elements) +
                        row * arguments.element_row_bytes +
                        static_cast<std::int64_t>(scale_of_row) * Format::kElementBytes,
                    x);
    }
    codes[scale_offset(row_of_block, thread % kScales, 1)] = static_cast<std::uint8_t>(code);
  }
  __syncthreads();
  if (thread < kScaleBlockBytes / 16) {
    const std::int64_t block = static_cast<std::int64_t>(blockIdx.y) * gridDim.x + blockIdx.x;
    reinterpret_cast<uint4*>(static_cast<std::uint8_t*>(arguments.scales) +
                             block * kScaleBlockBytes)[thread] =
        reinterpret_cast<const uint4*>(codes)[thread];
  }
}

}  // namespace

void quantize(ElementType type, const QuantizeArguments& arguments, cudaStream_t stream) {
  constexpr int kColumnStep = 32;
  if (scale_interval(type) == 0 || arguments.columns % kColumnStep != 0) {
    throw std::invalid_argument("quantises to mxfp8, mxfp4 and nvfp4, columns in multiples of 32");
  }
  const auto blocks = static_cast<unsigned>(scale_blocks_of_row(type, arguments.columns));
  const dim3 grid(blocks,
                  static_cast<unsigned>((arguments.rows + kScaleBlockRows - 1) / kScaleBlockRows));
  if (type == ElementType::mxfp8) {
    quantize_kernel<Mxfp8><<<grid, kThreads, 0, stream>>>(arguments);
  } else if (type == ElementType::mxfp4) {
    quantize_kernel<Mxfp4><<<grid, kThreads, 0, stream>>>(arguments);
  } else {
    quantize_kernel<Nvfp4><<<grid, kThreads, 0, stream>>>(arguments);
  }
  RACKPROOF_CUDA(cudaGetLastError());
}

}  // namespace rackproof::kernels::quantize
