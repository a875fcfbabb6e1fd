// The virtual time of a collective: equal on all ranks, from the latest start, the same every time.
#include "tests/emulator/nccl/devices.hpp"

#include <cmath>

namespace rackproof::emulator::api_nccl::test {
namespace {

class NcclTime : public Devices {
 protected:
  void SetUp() override {
    Devices::SetUp();
    for (int d = 0; d < kDevices; ++d) {
      data.push_back(allocate(d, kBytes));
      before.push_back(nullptr);
      after.push_back(nullptr);
      ASSERT_CUDA(cudaEventCreate(&before.back()));
      ASSERT_CUDA(cudaEventCreate(&after.back()));
    }
    // All streams continue from the same time.
    all_reduce_all(1);
    synchronize();
  }
  void TearDown() override {
    for (int d = 0; d < kDevices; ++d) {
      EXPECT_EQ(cudaEventDestroy(before[at(d)]), cudaSuccess);
      EXPECT_EQ(cudaEventDestroy(after[at(d)]), cudaSuccess);
    }
    Devices::TearDown();
  }

  void all_reduce_all(std::size_t count) {
    ASSERT_NCCL(ncclGroupStart());
    for (int d = 0; d < kDevices; ++d) {
      ASSERT_NCCL(ncclAllReduce(data[at(d)], data[at(d)], count, ncclFloat32, ncclSum, comms[at(d)],
                                streams[at(d)]));
    }
    ASSERT_NCCL(ncclGroupEnd());
  }

  /// Elapsed time on each device in microseconds; device 1 is kept busy before.
  std::vector<float> timed(std::size_t count, std::size_t busy_bytes) {
    for (int d = 0; d < kDevices; ++d) {
      EXPECT_EQ(cudaSetDevice(d), cudaSuccess);
      EXPECT_EQ(cudaEventRecord(before[at(d)], streams[at(d)]), cudaSuccess);
      if (d == 1 && busy_bytes != 0) {
        EXPECT_EQ(cudaMemsetAsync(data[at(d)], 0, busy_bytes, streams[at(d)]), cudaSuccess);
      }
    }
    all_reduce_all(count);
    std::vector<float> elapsed_us;
    for (int d = 0; d < kDevices; ++d) {
      EXPECT_EQ(cudaSetDevice(d), cudaSuccess);
      EXPECT_EQ(cudaEventRecord(after[at(d)], streams[at(d)]), cudaSuccess);
      EXPECT_EQ(cudaEventSynchronize(after[at(d)]), cudaSuccess);
      float elapsed_ms = 0;
      EXPECT_EQ(cudaEventElapsedTime(&elapsed_ms, before[at(d)], after[at(d)]), cudaSuccess);
      elapsed_us.push_back(elapsed_ms * 1e3F);
    }
    return elapsed_us;
  }

  static constexpr std::size_t kBytes = 4 << 20;
  std::vector<std::byte*> data;
  std::vector<cudaEvent_t> before;
  std::vector<cudaEvent_t> after;
};

TEST_F(NcclTime, IsTheSameOnAllRanksAndEveryTime) {
  const std::vector<float> first = timed(kBytes / 4, 0);
  for (const float elapsed_us : first) {
    EXPECT_GT(elapsed_us, 0);
    EXPECT_EQ(elapsed_us, first.front());
  }
  EXPECT_EQ(timed(kBytes / 4, 0), first);
}

TEST_F(NcclTime, GrowsWithTheMessage) {
  const float small_us = timed(1, 0).front();
  const float large_us = timed(kBytes / 4, 0).front();
  EXPECT_GT(large_us, small_us);
}

TEST_F(NcclTime, StartsWithTheLastRank) {
  const std::vector<float> alone = timed(1000, 0);
  const std::vector<float> delayed = timed(1000, kBytes);
  for (int d = 0; d < kDevices; ++d) {
    EXPECT_GT(delayed[at(d)], alone[at(d)]) << "device " << d << " waits for device 1";
    EXPECT_EQ(delayed[at(d)], delayed[at(1)]);
  }
}

}  // namespace
}  // namespace rackproof::emulator::api_nccl::test
