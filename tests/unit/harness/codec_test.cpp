#include "harness/measure/codec.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>

namespace rackproof::harness::measure {
namespace {

TEST(MeasurementCodec, RefusesWhatItDidNotWrite) {
  std::vector<std::byte> torn = encode(RankMeasurement{});
  torn.resize(torn.size() / 2);
  EXPECT_THROW(static_cast<void>(decode(torn)), std::runtime_error);
  EXPECT_THROW(static_cast<void>(decode({})), std::runtime_error);
}

TEST(MeasurementCodec, CarriesEverythingToRankZero) {
  RankMeasurement before;
  before.samples_s = {1e-6, 2.5e-6, 1.0 / 3};
  before.throttled_samples = std::vector<std::size_t>{1};
  const auto heap = std::make_unique<kernels::Verification>();  // gcc 12 misjudges one on the stack
  kernels::Verification& verification = *heap;
  verification.passed = false;
  verification.checked_elements = 10;
  verification.total_elements = 12;
  verification.wrong_elements = 2;
  verification.first_wrong = kernels::WrongElement{7, "row 1", 2.5, -2.5};
  verification.max_error = 5;
  verification.tolerance = 1;
  verification.measure = "m";
  before.verification = verification;
  before.resources = kernels::KernelResources{"kernel", 128, 0, 4096, 256, 152};
  record::WorkCounts counts;
  counts.kernels = 2;
  counts.tensor_flops = 1.5e15;
  counts.unique_global_bytes = std::uint64_t{1} << 63;
  counts.barrier_waits = 7;
  before.work_counts = counts;
  record::Telemetry telemetry;
  telemetry.power_w = record::Range{1, 2, 3};
  telemetry.clock_event_reasons = std::vector<std::string>{"sw_power_cap"};
  before.telemetry = telemetry;
  before.baseline = BaselineMeasurement{"library 1", {4e-6}};
  before.buffer_sets = 3;
  before.warnings = {"w"};

  const RankMeasurement after = decode(encode(before));
  EXPECT_EQ(after.samples_s, before.samples_s);
  EXPECT_EQ(*after.throttled_samples, std::vector<std::size_t>{1});
  EXPECT_FALSE(after.verification->passed);
  EXPECT_EQ(after.verification->checked_elements, 10U);
  EXPECT_EQ(after.verification->total_elements, 12U);
  EXPECT_EQ(after.verification->wrong_elements, 2U);
  EXPECT_EQ(after.verification->first_wrong->index, 7U);
  EXPECT_EQ(after.verification->first_wrong->coordinate, "row 1");
  EXPECT_EQ(after.verification->first_wrong->actual, -2.5);
  EXPECT_EQ(after.verification->measure, "m");
  EXPECT_EQ(after.resources->kernel, "kernel");
  EXPECT_EQ(after.resources->blocks, 152);
  EXPECT_EQ(*after.work_counts, counts);
  EXPECT_EQ(after.telemetry->power_w->median, 2);
  EXPECT_FALSE(after.telemetry->energy_j);
  EXPECT_EQ(*after.telemetry->clock_event_reasons, std::vector<std::string>{"sw_power_cap"});
  EXPECT_EQ(after.baseline->library, "library 1");
  EXPECT_EQ(after.buffer_sets, 3);
  EXPECT_EQ(after.warnings, before.warnings);
}

TEST(MeasurementCodec, KeepsReasonsOfWhatIsMissing) {
  RankMeasurement before;
  before.verification = record::Reported<kernels::Verification>::missing("not verified");
  before.baseline = record::Reported<BaselineMeasurement>::missing("no library");
  before.work_counts = record::Reported<record::WorkCounts>::missing("not counted");
  const RankMeasurement after = decode(encode(before));
  EXPECT_FALSE(after.verification);
  EXPECT_EQ(after.verification.reason(), "not verified");
  EXPECT_EQ(after.baseline.reason(), "no library");
  EXPECT_EQ(after.work_counts.reason(), "not counted");
}

TEST(MeasurementCodec, CarriesNumbersThatAreNotFinite) {
  RankMeasurement before;
  auto verification = std::make_unique<kernels::Verification>();
  verification->max_error = std::numeric_limits<double>::infinity();
  verification->first_wrong =
      kernels::WrongElement{0, "x", 1, std::numeric_limits<double>::quiet_NaN()};
  before.verification = std::move(*verification);
  const RankMeasurement after = decode(encode(before));
  EXPECT_TRUE(std::isinf(after.verification->max_error));
  EXPECT_TRUE(std::isnan(after.verification->first_wrong->actual));
}

}  // namespace
}  // namespace rackproof::harness::measure
