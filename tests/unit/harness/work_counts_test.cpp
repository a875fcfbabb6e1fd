#include "harness/telemetry/work_counts.hpp"

#include <gtest/gtest.h>

namespace rackproof::harness::telemetry {
namespace {

TEST(WorkCounts, TheDifferenceOfTwoTotalsIsTheWorkBetween) {
  // Each field has a value of its own: none may stand for another.
  const record::WorkCounts before{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};
  const record::WorkCounts after{101,  202,  303,  404,  505,  606,  707,  808,  909,
                                 1010, 1111, 1212, 1313, 1414, 1515, 1616, 1717, 1818};
  const record::WorkCounts between{100,  200,  300,  400,  500,  600,  700,  800,  900,
                                   1000, 1100, 1200, 1300, 1400, 1500, 1600, 1700, 1800};
  EXPECT_EQ(work_between(before, after), between);
}

TEST(WorkCounts, ARuntimeThatDoesNotCountIsAReasonAndNoZeros) {
  const record::Reported<record::WorkCounts> work = work_so_far();
  ASSERT_FALSE(work);
  EXPECT_EQ(work.reason(), "this CUDA runtime does not count work");
}

}  // namespace
}  // namespace rackproof::harness::telemetry
