// Collectives among other work: order within a stream, order of one communicator across streams.
#include "tests/emulator/nccl/devices.hpp"

namespace rackproof::emulator::api_nccl::test {
namespace {

using NcclStreams = Devices;

// Work before the collective is seen by it, and work after it sees its result.
TEST_F(NcclStreams, KeepTheOrderOfTheirStream) {
  constexpr std::size_t kCount = 100'000;
  std::vector<std::byte*> buffer;
  std::vector<std::byte*> copy;
  for (int d = 0; d < kDevices; ++d) {
    buffer.push_back(allocate(d, kCount * 4));
    copy.push_back(allocate(d, kCount * 4));
    ASSERT_CUDA(cudaMemset(buffer.back(), 0xff, kCount * 4));
  }
  for (int d = 0; d < kDevices; ++d) {
    ASSERT_CUDA(cudaSetDevice(d));
    ASSERT_CUDA(cudaMemsetAsync(buffer[at(d)], 1, kCount * 4, streams[at(d)]));
  }
  ASSERT_NCCL(ncclGroupStart());
  for (int d = 0; d < kDevices; ++d) {
    ASSERT_NCCL(ncclAllReduce(buffer[at(d)], buffer[at(d)], kCount, ncclInt32, ncclSum,
                              comms[at(d)], streams[at(d)]));
  }
  ASSERT_NCCL(ncclGroupEnd());
  for (int d = 0; d < kDevices; ++d) {
    ASSERT_CUDA(cudaSetDevice(d));
    ASSERT_CUDA(cudaMemcpyAsync(copy[at(d)], buffer[at(d)], kCount * 4, cudaMemcpyDeviceToDevice,
                                streams[at(d)]));
  }
  synchronize();
  // 0x01010101 * 4
  const std::vector<std::byte> expected(kCount * 4, std::byte{4});
  for (int d = 0; d < kDevices; ++d) {
    ASSERT_EQ(download(copy[at(d)], kCount * 4), expected) << "device " << d;
  }
}

// Each device alternates between two streams; the collectives of a communicator keep their order.
TEST_F(NcclStreams, OneCommunicatorInTwoStreams) {
  constexpr std::size_t kCount = 50'000;
  constexpr int kCalls = 6;
  std::vector<cudaStream_t> others(kDevices);
  std::vector<std::byte*> buffer;
  for (int d = 0; d < kDevices; ++d) {
    ASSERT_CUDA(cudaSetDevice(d));
    ASSERT_CUDA(cudaStreamCreateWithFlags(&others[at(d)], cudaStreamNonBlocking));
    buffer.push_back(allocate(d, kCount * kCalls));
    ASSERT_CUDA(cudaMemset(buffer.back(), 1, kCount * kCalls));
  }
  for (int call = 0; call < kCalls; ++call) {
    ASSERT_NCCL(ncclGroupStart());
    for (int d = 0; d < kDevices; ++d) {
      std::byte* data = buffer[at(d)] + static_cast<std::size_t>(call) * kCount;
      // Which stream differs between devices.
      const cudaStream_t stream = (call + d) % 2 == 0 ? streams[at(d)] : others[at(d)];
      ASSERT_NCCL(ncclAllReduce(data, data, kCount, ncclUint8, ncclSum, comms[at(d)], stream));
    }
    ASSERT_NCCL(ncclGroupEnd());
  }
  synchronize();
  for (int d = 0; d < kDevices; ++d) {
    ASSERT_CUDA(cudaSetDevice(d));
    ASSERT_CUDA(cudaStreamSynchronize(others[at(d)]));
    ASSERT_EQ(download(buffer[at(d)], kCount * kCalls),
              std::vector<std::byte>(kCount * kCalls, std::byte{kDevices}))
        << "device " << d;
    ASSERT_CUDA(cudaStreamDestroy(others[at(d)]));
  }
}

TEST_F(NcclStreams, NoElementsAreNoWork) {
  EXPECT_NCCL(ncclAllReduce(nullptr, nullptr, 0, ncclFloat32, ncclSum, comms[0], streams[0]));
  EXPECT_EQ(cudaStreamQuery(streams[0]), cudaSuccess);
}

}  // namespace
}  // namespace rackproof::emulator::api_nccl::test
