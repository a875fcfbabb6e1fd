// Communicators: creation by rank, blocking and not, splitting, abort, and what they know.
#include "tests/emulator/nccl/devices.hpp"

#include <algorithm>
#include <dlfcn.h>
#include <string>

// Declared by nccl.h as well; the profiling name must exist beside each public one.
extern "C" ncclResult_t pncclGetVersion(int* version);

namespace rackproof::emulator::api_nccl::test {
namespace {

/// All-reduces one int of each device and checks that everybody has the sum.
void expect_sum(const std::vector<ncclComm_t>& comms, const std::vector<int>& devices) {
  std::vector<int*> buffers;
  std::vector<cudaStream_t> streams;
  int expected = 0;
  for (const int device : devices) {
    ASSERT_CUDA(cudaSetDevice(device));
    const int value = 1 << device;
    expected += value;
    buffers.push_back(nullptr);
    streams.push_back(nullptr);
    ASSERT_CUDA(cudaMalloc(reinterpret_cast<void**>(&buffers.back()), sizeof value));
    ASSERT_CUDA(cudaMemcpy(buffers.back(), &value, sizeof value, cudaMemcpyHostToDevice));
    ASSERT_CUDA(cudaStreamCreate(&streams.back()));
  }
  ASSERT_NCCL(ncclGroupStart());
  for (std::size_t i = 0; i < comms.size(); ++i) {
    ASSERT_NCCL(ncclAllReduce(buffers[i], buffers[i], 1, ncclInt32, ncclSum, comms[i], streams[i]));
  }
  ASSERT_NCCL(ncclGroupEnd());
  for (std::size_t i = 0; i < comms.size(); ++i) {
    ASSERT_CUDA(cudaSetDevice(devices[i]));
    ASSERT_CUDA(cudaStreamSynchronize(streams[i]));
    int sum = 0;
    ASSERT_CUDA(cudaMemcpy(&sum, buffers[i], sizeof sum, cudaMemcpyDeviceToHost));
    EXPECT_EQ(sum, expected) << "device " << devices[i];
    EXPECT_EQ(cudaFree(buffers[i]), cudaSuccess);
    EXPECT_EQ(cudaStreamDestroy(streams[i]), cudaSuccess);
  }
}

TEST(NcclFile, AnswersTheHeadersVersionFromAMarkedFile) {
  int version = 0;
  ASSERT_NCCL(ncclGetVersion(&version));
  EXPECT_EQ(version, NCCL_VERSION_CODE);
  int profiling = 0;
  ASSERT_NCCL(pncclGetVersion(&profiling));
  EXPECT_EQ(profiling, version);
  Dl_info info{};
  ASSERT_NE(dladdr(reinterpret_cast<const void*>(&ncclGetVersion), &info), 0);
  char* path = realpath(info.dli_fname, nullptr);
  ASSERT_NE(path, nullptr);
  EXPECT_NE(std::string(path).find("-emulated"), std::string::npos) << path;
  std::free(path);
}

using NcclCommunicators = Devices;

TEST_F(NcclCommunicators, KnowRankSizeAndDevice) {
  for (int d = 0; d < kDevices; ++d) {
    int rank = -1;
    int size = -1;
    int device = -1;
    ncclResult_t state = ncclInternalError;
    EXPECT_NCCL(ncclCommUserRank(comms[at(d)], &rank));
    EXPECT_NCCL(ncclCommCount(comms[at(d)], &size));
    EXPECT_NCCL(ncclCommCuDevice(comms[at(d)], &device));
    EXPECT_NCCL(ncclCommGetAsyncError(comms[at(d)], &state));
    EXPECT_EQ(rank, d);
    EXPECT_EQ(size, kDevices);
    EXPECT_EQ(device, d);
    EXPECT_EQ(state, ncclSuccess);
  }
}

TEST_F(NcclCommunicators, LeaveTheCurrentDeviceAlone) {
  ASSERT_CUDA(cudaSetDevice(1));
  expect_sum({comms[2], comms[3], comms[0], comms[1]}, {2, 3, 0, 1});
  ASSERT_CUDA(cudaSetDevice(3));
  ncclComm_t all[2] = {};
  const int devices[2] = {2, 0};
  ASSERT_NCCL(ncclCommInitAll(all, 2, devices));
  int current = -1;
  ASSERT_CUDA(cudaGetDevice(&current));
  EXPECT_EQ(current, 3);
  int device = -1;
  EXPECT_NCCL(ncclCommCuDevice(all[0], &device));
  EXPECT_EQ(device, 2);
  expect_sum({all[0], all[1]}, {2, 0});
  EXPECT_NCCL(ncclCommDestroy(all[0]));
  EXPECT_NCCL(ncclCommDestroy(all[1]));
}

TEST_F(NcclCommunicators, FromThreadsThatBlock) {
  ncclUniqueId id{};
  ASSERT_NCCL(ncclGetUniqueId(&id));
  std::vector<ncclComm_t> made(kDevices);
  std::vector<std::thread> threads;
  for (int d = 0; d < kDevices; ++d) {
    threads.emplace_back([&, d] {
      EXPECT_EQ(cudaSetDevice(d), cudaSuccess);
      EXPECT_NCCL(ncclCommInitRank(&made[at(d)], kDevices, id, kDevices - 1 - d));
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  int rank = -1;
  EXPECT_NCCL(ncclCommUserRank(made[0], &rank));
  EXPECT_EQ(rank, kDevices - 1);
  expect_sum(made, {0, 1, 2, 3});
  for (const ncclComm_t comm : made) {
    EXPECT_NCCL(ncclCommDestroy(comm));
  }
}

TEST_F(NcclCommunicators, WithoutBlocking) {
  ncclUniqueId id{};
  ASSERT_NCCL(ncclGetUniqueId(&id));
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  std::vector<ncclComm_t> made(2);
  ASSERT_CUDA(cudaSetDevice(0));
  // The second rank is not there yet, and the call returns all the same.
  EXPECT_EQ(ncclCommInitRankConfig(&made[0], 2, id, 0, &config), ncclInProgress);
  ncclResult_t state = ncclSuccess;
  EXPECT_NCCL(ncclCommGetAsyncError(made[0], &state));
  EXPECT_EQ(state, ncclInProgress);
  ASSERT_CUDA(cudaSetDevice(1));
  const ncclResult_t second = ncclCommInitRankConfig(&made[1], 2, id, 1, &config);
  EXPECT_TRUE(second == ncclSuccess || second == ncclInProgress);
  for (const ncclComm_t comm : made) {
    EXPECT_TRUE(eventually([&] {
      return ncclCommGetAsyncError(comm, &state) == ncclSuccess && state == ncclSuccess;
    }));
  }
  expect_sum(made, {0, 1});
  for (const ncclComm_t comm : made) {
    const ncclResult_t result = ncclCommFinalize(comm);
    EXPECT_TRUE(result == ncclSuccess || result == ncclInProgress);
    EXPECT_TRUE(eventually([&] {
      return ncclCommGetAsyncError(comm, &state) == ncclSuccess && state == ncclSuccess;
    }));
    EXPECT_NCCL(ncclCommDestroy(comm));
  }
}

TEST_F(NcclCommunicators, SplitByColorAndOrderByKey) {
  std::vector<ncclComm_t> halves(kDevices);
  ASSERT_NCCL(ncclGroupStart());
  for (int d = 0; d < kDevices; ++d) {
    ASSERT_NCCL(ncclCommSplit(comms[at(d)], d % 2, -d, &halves[at(d)], nullptr));
  }
  ASSERT_NCCL(ncclGroupEnd());
  for (int d = 0; d < kDevices; ++d) {
    int rank = -1;
    int size = -1;
    EXPECT_NCCL(ncclCommUserRank(halves[at(d)], &rank));
    EXPECT_NCCL(ncclCommCount(halves[at(d)], &size));
    EXPECT_EQ(rank, d < 2 ? 1 : 0);
    EXPECT_EQ(size, 2);
  }
  expect_sum({halves[0], halves[2]}, {0, 2});
  expect_sum({halves[1], halves[3]}, {1, 3});
  // Two communicators in one group.
  expect_sum(comms, {0, 1, 2, 3});
  for (const ncclComm_t comm : halves) {
    EXPECT_NCCL(ncclCommDestroy(comm));
  }
}

TEST_F(NcclCommunicators, SplitAgainAndLeaveSomeOut) {
  for (int left_out = 0; left_out < kDevices; ++left_out) {
    std::vector<ncclComm_t> rest(kDevices);
    ASSERT_NCCL(ncclGroupStart());
    for (int d = 0; d < kDevices; ++d) {
      ASSERT_NCCL(ncclCommSplit(comms[at(d)], d == left_out ? NCCL_SPLIT_NOCOLOR : 7, d,
                                &rest[at(d)], nullptr));
    }
    ASSERT_NCCL(ncclGroupEnd());
    EXPECT_EQ(rest[at(left_out)], nullptr);
    std::vector<ncclComm_t> members;
    std::vector<int> devices;
    for (int d = 0; d < kDevices; ++d) {
      if (d != left_out) {
        members.push_back(rest[at(d)]);
        devices.push_back(d);
      }
    }
    expect_sum(members, devices);
    for (const ncclComm_t comm : members) {
      EXPECT_NCCL(ncclCommDestroy(comm));
    }
  }
}

// A rank that never comes: nothing completes, until an abort sets the stream free.
TEST_F(NcclCommunicators, AbortFreesTheStream) {
  int* buffer = nullptr;
  ASSERT_CUDA(cudaSetDevice(0));
  ASSERT_CUDA(cudaMalloc(reinterpret_cast<void**>(&buffer), 1 << 20));
  ASSERT_CUDA(cudaMemset(buffer, 3, 1 << 20));
  ASSERT_NCCL(ncclAllReduce(buffer, buffer, 1 << 18, ncclInt32, ncclSum, comms[0], streams[0]));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(cudaStreamQuery(streams[0]), cudaErrorNotReady);
  ncclResult_t state = ncclSuccess;
  EXPECT_NCCL(ncclCommGetAsyncError(comms[0], &state));
  EXPECT_EQ(state, ncclSuccess) << "like NCCL, it cannot know that nobody will come";
  EXPECT_NCCL(ncclCommAbort(comms[0]));
  comms[0] = nullptr;
  EXPECT_TRUE(eventually([&] { return cudaStreamQuery(streams[0]) == cudaSuccess; }));
  EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "an abort is not a device error";
  EXPECT_EQ(cudaFree(buffer), cudaSuccess);
}

TEST_F(NcclCommunicators, AbortWhileRanksAreMissing) {
  ncclUniqueId id{};
  ASSERT_NCCL(ncclGetUniqueId(&id));
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  ncclComm_t lonely = nullptr;
  ASSERT_CUDA(cudaSetDevice(0));
  EXPECT_EQ(ncclCommInitRankConfig(&lonely, 2, id, 0, &config), ncclInProgress);
  EXPECT_NCCL(ncclCommAbort(lonely));
}

TEST_F(NcclCommunicators, RegistrationIsAccepted) {
  void* buffer = nullptr;
  ASSERT_CUDA(cudaSetDevice(0));
  ASSERT_NCCL(ncclMemAlloc(&buffer, 4096));
  void* handle = nullptr;
  EXPECT_NCCL(ncclCommRegister(comms[0], buffer, 4096, &handle));
  EXPECT_NCCL(ncclCommDeregister(comms[0], handle));
  EXPECT_NCCL(ncclMemFree(buffer));
}

}  // namespace
}  // namespace rackproof::emulator::api_nccl::test
