#include "kernels/gemm/gemm.hpp"

#include <gtest/gtest.h>

namespace rackproof::kernels::gemm {
namespace {

TEST(GemmProblem, NamesWhatDefinesIt) {
  const GemmShape shape{.m = 8192, .n = 4096, .k = 512};
  EXPECT_EQ(GemmProblem(ElementType::bf16, shape).name(), "gemm/bf16/m8192n4096k512");
  EXPECT_EQ(GemmProblem(ElementType::fp32, shape, {.alpha = 0.5F, .beta = -2.0F}).name(),
            "gemm/fp32/m8192n4096k512/alpha0.5/beta-2");
}

/// The work table: 2MNK flops; every input read once, every output written once.
TEST(GemmProblem, CountsCompulsoryWork) {
  const GemmShape shape{.m = 3, .n = 5, .k = 7};
  const Work plain = GemmProblem(ElementType::bf16, shape).work();
  EXPECT_EQ(plain.flops, 2 * 3 * 5 * 7);
  EXPECT_EQ(plain.bytes, 2 * (3 * 7 + 5 * 7 + 3 * 5));
  const Work with_c = GemmProblem(ElementType::fp32, shape, {.alpha = 1, .beta = 1}).work();
  EXPECT_EQ(with_c.flops, 2 * 3 * 5 * 7);
  EXPECT_EQ(with_c.bytes, 4 * (3 * 7 + 5 * 7 + 2 * 3 * 5));
}

TEST(GemmProblem, PadsRowsOfOperandsToSixteenBytes) {
  const GemmProblem half(ElementType::fp16, {.m = 3, .n = 5, .k = 7});
  EXPECT_EQ(half.leading_dimension(), 8);
  EXPECT_EQ(half.footprint_bytes(), 2U * (3 * 8 + 5 * 8 + 3 * 5));
  EXPECT_EQ(GemmProblem(ElementType::fp32, {.m = 1, .n = 1, .k = 5}).leading_dimension(), 8);
  EXPECT_EQ(GemmProblem(ElementType::fp32, {.m = 1, .n = 1, .k = 8}).leading_dimension(), 8);
}

/// The new types: results wider than operands, and the key of the peak they are compared with.
TEST(GemmProblem, HasAResultTypeAndAPeakForEveryType) {
  const GemmShape shape{.m = 3, .n = 5, .k = 7};
  struct Expected {
    ElementType type;
    ElementType result;
    std::string_view peak;
    double bytes;
  };
  for (const Expected& expected :
       {Expected{ElementType::tf32, ElementType::fp32, "tf32", 4 * 56 + 4 * 15},
        Expected{ElementType::fp64, ElementType::fp64, "fp64_tensor", 8 * 56 + 8 * 15},
        Expected{ElementType::int8, ElementType::int32, "int8", 56 + 4 * 15},
        Expected{ElementType::fp8_e4m3, ElementType::bf16, "fp8", 56 + 2 * 15},
        Expected{ElementType::fp8_e5m2, ElementType::bf16, "fp8", 56 + 2 * 15}}) {
    const GemmProblem problem(expected.type, shape);
    EXPECT_EQ(problem.result_type(), expected.result) << to_string(expected.type);
    EXPECT_EQ(problem.peak(), expected.peak);
    EXPECT_EQ(problem.work().bytes, expected.bytes);
    EXPECT_EQ(problem.work().flops, 2 * 3 * 5 * 7);
  }
  EXPECT_EQ(GemmProblem(ElementType::int8, shape).footprint_bytes(), 16U * 8 + 4 * 15);
  EXPECT_EQ(GemmProblem(ElementType::fp8_e4m3, shape).name(), "gemm/fp8_e4m3/m3n5k7");
}

/// Exactness of int8 is a property of the problem, not luck: K, alpha and beta keep it.
TEST(GemmProblem, KeepsIntegersExact) {
  const GemmShape deepest{.m = 1, .n = 1, .k = kLargestInt8K};
  EXPECT_NO_THROW(GemmProblem(ElementType::int8, deepest, {.alpha = 1, .beta = 1}));
  // K products of (-128)^2 and a C of 127.
  EXPECT_LT(static_cast<double>(kLargestInt8K) * 16384 + 127, 0x1p31);
  const auto key_of = [](GemmShape shape, GemmScalars scalars) {
    try {
      const GemmProblem problem(ElementType::int8, shape, scalars);
    } catch (const ParamError& error) {
      return error.key();
    }
    return std::string("accepted");
  };
  EXPECT_EQ(key_of({.m = 1, .n = 1, .k = kLargestInt8K + 1}, {}), "k");
  EXPECT_EQ(key_of({.m = 1, .n = 1, .k = 8}, {.alpha = 0.5F}), "alpha");
  EXPECT_EQ(key_of({.m = 1, .n = 1, .k = 8}, {.alpha = 1, .beta = 2}), "beta");
  EXPECT_THROW(GemmProblem(ElementType::int32, deepest), ParamError);
}

TEST(GemmProblem, RejectsEmptyAndUnboundedExtents) {
  EXPECT_THROW(GemmProblem(ElementType::bf16, {.m = 0, .n = 1, .k = 1}), ParamError);
  EXPECT_THROW(GemmProblem(ElementType::bf16, {.m = 1, .n = 1, .k = 0}), ParamError);
  EXPECT_THROW(GemmProblem(ElementType::bf16, {.m = 1, .n = std::int64_t{1} << 31, .k = 1}),
               ParamError);
}

}  // namespace
}  // namespace rackproof::kernels::gemm
