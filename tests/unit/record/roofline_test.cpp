#include "harness/record/roofline.hpp"

#include <gtest/gtest.h>

namespace rackproof::harness::record {
namespace {

Reported<topology::RackFacts> facts() {
  topology::RackFacts result;
  result.id = "model";
  result.dense_tflops = {{"bf16", 2000.0}, {"int8", 100.0}};
  result.memory_gb_per_s = 8000;
  result.nvlink_gb_per_s = 900;
  result.source = "datasheet";
  result.memory_source = "memory datasheet";
  result.nvlink_source = "link datasheet";
  return result;
}

TEST(KernelRoofline, IsThePeakWhereThereIsMuchWorkPerByte) {
  // 1000 flop/byte * 8 TB/s = 8000 TFLOP/s, above the peak.
  const auto roofline = kernel_roofline({1e12, 1e9}, kTflops, "bf16", facts(), Basis::modelled);
  EXPECT_DOUBLE_EQ(roofline->peak, 2000);
  EXPECT_EQ(roofline->limiter, "compute");
  EXPECT_EQ(roofline->source, "dense bf16 peak of model: datasheet");
  EXPECT_EQ(roofline->basis, Basis::modelled);
}

TEST(KernelRoofline, IsMemoryWhereThereIsLittle) {
  // 2 flop/byte * 8 TB/s = 16 TFLOP/s.
  const auto roofline = kernel_roofline({2e9, 1e9}, kTflops, "bf16", facts(), Basis::measured);
  EXPECT_DOUBLE_EQ(roofline->peak, 16);
  EXPECT_EQ(roofline->limiter, "memory");
  EXPECT_EQ(roofline->source, "memory bandwidth of model times 2 flop/byte: memory datasheet");
}

TEST(KernelRoofline, OfIntegersCountsOperations) {
  const auto roofline = kernel_roofline({2e9, 1e9}, kTops, "int8", facts(), Basis::measured);
  EXPECT_DOUBLE_EQ(roofline->peak, 16);
  EXPECT_EQ(roofline->unit, "TOP/s");
  EXPECT_EQ(roofline->source,
            "memory bandwidth of model times 2 operations/byte: memory datasheet");
}

TEST(KernelRoofline, OfBytesIsTheBandwidth) {
  const auto roofline = kernel_roofline({0, 1e9}, kGbPerS, "", facts(), Basis::measured);
  EXPECT_DOUBLE_EQ(roofline->peak, 8000);
  EXPECT_EQ(roofline->source, "memory bandwidth of model: memory datasheet");
}

TEST(KernelRoofline, IsMissingForAnUnknownFormatOrRack) {
  EXPECT_EQ(kernel_roofline({1, 1}, kTflops, "fp8", facts(), Basis::measured).reason(),
            "rack model model has no dense peak for 'fp8'");
  const auto unknown = Reported<topology::RackFacts>::missing("no such rack");
  EXPECT_EQ(kernel_roofline({1, 1}, kTflops, "bf16", unknown, Basis::measured).reason(),
            "no such rack");
}

TEST(CollectiveRoofline, IsTheLinkInsideOneNvlinkDomainOnly) {
  const auto roofline = collective_roofline(true, facts(), Basis::measured);
  EXPECT_DOUBLE_EQ(roofline->peak, 900);
  EXPECT_EQ(roofline->source, "NVLink payload per GPU and direction of model: link datasheet");
  EXPECT_FALSE(collective_roofline(false, facts(), Basis::measured));
}

}  // namespace
}  // namespace rackproof::harness::record
