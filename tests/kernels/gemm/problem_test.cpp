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

TEST(GemmProblem, RejectsEmptyAndUnboundedExtents) {
  EXPECT_THROW(GemmProblem(ElementType::bf16, {.m = 0, .n = 1, .k = 1}), ParamError);
  EXPECT_THROW(GemmProblem(ElementType::bf16, {.m = 1, .n = 1, .k = 0}), ParamError);
  EXPECT_THROW(GemmProblem(ElementType::bf16, {.m = 1, .n = std::int64_t{1} << 31, .k = 1}),
               ParamError);
}

}  // namespace
}  // namespace rackproof::kernels::gemm
