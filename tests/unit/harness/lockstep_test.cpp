#include "harness/ranks/lockstep.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace rackproof::harness::ranks {
namespace {

TEST(Attempt, ReturnsNothingWhenAllGoesWell) {
  const auto bootstrap = collectives::make_single_bootstrap();
  int done = 0;
  EXPECT_EQ(attempt(*bootstrap, {"test", 1}, [&] { ++done; }), std::nullopt);
  EXPECT_EQ(done, 1);
}

TEST(Attempt, NamesRankAndError) {
  const auto bootstrap = collectives::make_single_bootstrap();
  EXPECT_EQ(attempt(*bootstrap, {"test", 1}, [] { throw std::runtime_error("out of memory"); }),
            "rank 0: out of memory");
  EXPECT_EQ(attempt(*bootstrap, {"test", 1}, [] { throw std::runtime_error(""); }),
            "rank 0: an error without a message");
}

TEST(Attempt, LetsATimeoutThrough) {
  const auto bootstrap = collectives::make_single_bootstrap();
  EXPECT_THROW(
      static_cast<void>(
          attempt(*bootstrap, {"test", 1},
                  [] { throw collectives::TimeoutError(collectives::Deadline("p", 1), "x", {}); })),
      collectives::TimeoutError);
}

}  // namespace
}  // namespace rackproof::harness::ranks
