#include "emulator/tensor/exact_mma.hpp"

#include <algorithm>
#include <bit>
#include <cfenv>
#include <cmath>
#include <cstddef>
#include <limits>

// See tile.cpp: sanitizers start before the choice of a clone is made.
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define RACKPROOF_FMA_CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define RACKPROOF_FMA_CLONES
#endif

namespace rackproof::emulator::tensor {
namespace {

struct Sizes {
  std::size_t m;
  std::size_t n;
  std::size_t k;
};
Sizes sizes(const MmaShape& shape) {
  return {static_cast<std::size_t>(shape.m), static_cast<std::size_t>(shape.n),
          static_cast<std::size_t>(shape.k)};
}

RACKPROOF_FMA_CLONES
void fma_chains(const Sizes& size, const double* a, const double* b, const double* c, double* d) {
  for (std::size_t i = 0; i < size.m; ++i) {
    for (std::size_t j = 0; j < size.n; ++j) {
      double sum = c[i * size.n + j];
      for (std::size_t k = 0; k < size.k; ++k) {
        sum = __builtin_fma(a[i * size.k + k], b[j * size.k + k], sum);
      }
      d[i * size.n + j] = sum;
    }
  }
}

class RoundingScope {
 public:
  explicit RoundingScope(int mode) : before_(std::fegetround()) { std::fesetround(mode); }
  ~RoundingScope() { std::fesetround(before_); }
  RoundingScope(const RoundingScope&) = delete;
  RoundingScope& operator=(const RoundingScope&) = delete;

 private:
  int before_;
};

}  // namespace

RACKPROOF_FMA_CLONES
void multiply_accumulate_integer(MmaShape shape, bool satfinite, const std::int16_t* a,
                                 const std::int16_t* b, const std::int32_t* c, std::int32_t* d) {
  const Sizes size = sizes(shape);
  for (std::size_t i = 0; i < size.m; ++i) {
    for (std::size_t j = 0; j < size.n; ++j) {
      // 64 products of two bytes stay far inside 32 bits.
      std::int32_t products = 0;
      for (std::size_t k = 0; k < size.k; ++k) {
        products += std::int32_t{a[i * size.k + k]} * b[j * size.k + k];
      }
      std::int64_t sum = std::int64_t{c[i * size.n + j]} + products;
      if (satfinite) {
        sum = std::clamp<std::int64_t>(sum, std::numeric_limits<std::int32_t>::min(),
                                       std::numeric_limits<std::int32_t>::max());
      }
      d[i * size.n + j] = static_cast<std::int32_t>(sum);
    }
  }
}

void multiply_accumulate_bits(MmaShape shape, BitOperation operation, const std::uint32_t* a,
                              const std::uint32_t* b, const std::int32_t* c, std::int32_t* d) {
  const Sizes size = sizes(shape);
  const std::size_t words = size.k / 32;
  for (std::size_t i = 0; i < size.m; ++i) {
    for (std::size_t j = 0; j < size.n; ++j) {
      auto sum = static_cast<std::uint32_t>(c[i * size.n + j]);
      for (std::size_t k = 0; k < words; ++k) {
        const std::uint32_t x = a[i * words + k];
        const std::uint32_t y = b[j * words + k];
        sum += static_cast<std::uint32_t>(
            std::popcount(operation == BitOperation::exclusive_or ? x ^ y : x & y));
      }
      d[i * size.n + j] = static_cast<std::int32_t>(sum);
    }
  }
}

void multiply_accumulate_f64(MmaShape shape, DoubleRounding rounding, const double* a,
                             const double* b, const double* c, double* d) {
  constexpr int kModes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
  if (rounding == DoubleRounding::nearest_even) {
    fma_chains(sizes(shape), a, b, c, d);
    return;
  }
  const RoundingScope scope(kModes[static_cast<std::size_t>(rounding)]);
  fma_chains(sizes(shape), a, b, c, d);
}

}  // namespace rackproof::emulator::tensor
