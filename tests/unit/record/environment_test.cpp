#include "harness/record/environment.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace rackproof::harness::record {
namespace {

TEST(Environment, HoldsWhatChangesFigures) {
  for (const char* name : {"NCCL_NVLS_ENABLE", "CUDA_VISIBLE_DEVICES", "OMPI_COMM_WORLD_SIZE",
                           "RACKPROOF_VARIANT", "SLURM_NTASKS"}) {
    EXPECT_TRUE(is_recorded(name)) << name;
  }
}

TEST(Environment, HoldsNothingElse) {
  for (const char* name :
       {"HOME", "PATH", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "NCCL", "XNCCL_DEBUG",
        "NCCL_AUTH_TOKEN", "RACKPROOF_LAUNCH_STATUS", "NCCL_UPLOAD_KEY", "NCCL_PASSWORD", ""}) {
    EXPECT_FALSE(is_recorded(name)) << name;
  }
}

TEST(Environment, IsReadFromTheProcess) {
  ASSERT_EQ(::setenv("NCCL_RACKPROOF_TEST", "a=b", 1), 0);
  ASSERT_EQ(::setenv("NCCL_TEST_TOKEN", "secret", 1), 0);
  const auto recorded = recorded_environment();
  EXPECT_EQ(recorded.at("NCCL_RACKPROOF_TEST"), "a=b");
  EXPECT_FALSE(recorded.contains("NCCL_TEST_TOKEN"));
}

}  // namespace
}  // namespace rackproof::harness::record
