#include "harness/measure/sampler.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace rackproof::harness::measure {
namespace {

plan::Statistics statistics() {
  plan::Statistics s;
  s.min_samples = 10;
  s.max_samples = 100;
  s.min_time_s = 0;
  s.max_time_s = 60;
  s.max_noise = 0.01;
  return s;
}

TEST(RelativeNoise, IsHalfTheIntervalOfOrderStatistics) {
  // n = 100: ranks floor(50 - 9.8) = 40 and ceil(50 + 9.8) = 60, counted from 0.
  std::vector<double> samples;
  for (int i = 0; i < 100; ++i) {
    samples.push_back(1000.0 + i);
  }
  EXPECT_NEAR(relative_noise(samples), (1060.0 - 1040.0) / 2 / 1049.5, 1e-12);
}

TEST(RelativeNoise, IsUnknownForFewSamples) {
  EXPECT_TRUE(std::isinf(relative_noise(std::vector<double>(5, 1.0))));
  EXPECT_EQ(relative_noise(std::vector<double>(6, 1.0)), 0);
}

TEST(RelativeNoise, IgnoresOutliersThatTheMedianIgnores) {
  std::vector<double> samples(50, 1.0);
  samples[3] = 100;
  EXPECT_EQ(relative_noise(samples), 0);
}

TEST(Sampler, TakesTheMinimumFirst) {
  Sampler sampler(statistics());
  EXPECT_EQ(sampler.next_batch(0), 10);
  sampler.add(std::vector<double>(4, 1.0));
  EXPECT_EQ(sampler.next_batch(0), 6);
}

TEST(Sampler, StopsWhenTheMedianIsKnown) {
  Sampler sampler(statistics());
  sampler.add(std::vector<double>(10, 1.0));
  EXPECT_EQ(sampler.next_batch(0), 0);
}

TEST(Sampler, GoesOnWhileNoisyUntilTheMaximum) {
  Sampler sampler(statistics());
  int taken = 0;
  for (int n = sampler.next_batch(0); n > 0; n = sampler.next_batch(0)) {
    std::vector<double> batch;
    for (int i = 0; i < n; ++i) {
      batch.push_back((taken + i) % 2 == 0 ? 1.0 : 2.0);
    }
    taken += n;
    sampler.add(batch);
    ASSERT_LE(taken, 100);
  }
  EXPECT_EQ(taken, 100);
}

TEST(Sampler, GoesOnUntilTheMinimumTime) {
  plan::Statistics s = statistics();
  s.min_time_s = 20;
  Sampler sampler(s);
  sampler.add(std::vector<double>(10, 1.0));
  EXPECT_EQ(sampler.next_batch(0), 2);  // a quarter of what there is
  sampler.add(std::vector<double>(10, 1.0));
  EXPECT_EQ(sampler.next_batch(0), 0);
}

TEST(Sampler, TheTimeLimitEndsItButNeverBelowTheMinimum) {
  Sampler sampler(statistics());
  EXPECT_EQ(sampler.next_batch(1000), 10);
  sampler.add(std::vector<double>{1, 2, 1, 2, 1, 2, 1, 2, 1, 2});
  EXPECT_EQ(sampler.next_batch(59), 2);
  EXPECT_EQ(sampler.next_batch(60), 0);
}

TEST(Sampler, BatchesAreBounded) {
  plan::Statistics s = statistics();
  s.min_samples = 5000;
  s.max_samples = 5000;
  EXPECT_EQ(Sampler(s).next_batch(0), 256);
}

}  // namespace
}  // namespace rackproof::harness::measure
