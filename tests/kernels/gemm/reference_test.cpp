#include "kernels/gemm/gemm_reference.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace rackproof::kernels::gemm {
namespace {

TEST(GemmReference, ComputesAHandMadeProduct) {
  const std::vector<double> a{1, 2, 3, 4, 5, 6};   // 2 x 3
  const std::vector<double> b{1, 0, -1, 2, 2, 2};  // 2 x 3: the transpose is 3 x 2
  std::vector<double> products(4);
  reference_products(a, b, 2, 2, 3, products);
  EXPECT_EQ(products, (std::vector<double>{-2, 12, -2, 30}));
}

/// Integers: exact in any order, so an independent triple loop must agree bit for bit.
TEST(GemmReference, AgreesWithTheTripleLoop) {
  std::mt19937 generator(3);
  std::uniform_int_distribution<int> small(-50, 50);
  constexpr std::int64_t kRows = 13;
  constexpr std::int64_t kColumns = 71;
  constexpr std::int64_t kDepth = 37;
  std::vector<double> a(kRows * kDepth);
  std::vector<double> b(kColumns * kDepth);
  for (auto* matrix : {&a, &b}) {
    for (double& value : *matrix) {
      value = small(generator);
    }
  }
  std::vector<double> products(kRows * kColumns);
  reference_products(a, b, kRows, kColumns, kDepth, products);
  for (std::size_t m = 0; m < kRows; ++m) {
    for (std::size_t n = 0; n < kColumns; ++n) {
      double sum = 0;
      for (std::size_t k = 0; k < kDepth; ++k) {
        sum += a[m * kDepth + k] * b[n * kDepth + k];
      }
      EXPECT_EQ(products[m * kColumns + n], sum) << m << ", " << n;
    }
  }
}

/// The bits that fp32 would lose are there.
TEST(GemmReference, KeepsWhatFp32WouldLose) {
  const std::vector<double> a{1.0, 0x1p-30, -1.0};
  const std::vector<double> b{1.0, 1.0, 1.0};
  EXPECT_EQ(reference_dot(a, b), 0x1p-30);
}

}  // namespace
}  // namespace rackproof::kernels::gemm
