// Wrong use is answered as NCCL does, with a message, and never with a wrong result.
#include "tests/emulator/nccl/devices.hpp"

#include <string>

namespace rackproof::emulator::api_nccl::test {
namespace {

class NcclErrors : public Devices {
 protected:
  void SetUp() override {
    Devices::SetUp();
    for (int d = 0; d < kDevices; ++d) {
      data.push_back(allocate(d, 4096));
    }
  }
  ncclResult_t all_reduce(int d, std::size_t count, ncclDataType_t type, ncclRedOp_t op) {
    return ncclAllReduce(data[at(d)], data[at(d)], count, type, op, comms[at(d)], streams[at(d)]);
  }
  std::vector<std::byte*> data;
};

std::string last_error() {
  return ncclGetLastError(nullptr);
}

TEST_F(NcclErrors, ArgumentsAreChecked) {
  EXPECT_EQ(ncclAllReduce(data[0], data[0], 1, ncclFloat32, ncclSum, nullptr, streams[0]),
            ncclInvalidArgument);
  EXPECT_EQ(all_reduce(0, 1, ncclNumTypes, ncclSum), ncclInvalidArgument);
  EXPECT_NE(last_error().find("ncclAllReduce: unknown data type"), std::string::npos);
  EXPECT_EQ(all_reduce(0, 1, ncclFloat32, ncclNumOps), ncclInvalidArgument);
  EXPECT_EQ(ncclBroadcast(data[0], data[0], 1, ncclFloat32, kDevices, comms[0], streams[0]),
            ncclInvalidArgument);
  EXPECT_EQ(ncclAllReduce(nullptr, data[0], 1, ncclFloat32, ncclSum, comms[0], streams[0]),
            ncclInvalidArgument);
  EXPECT_EQ(ncclCommCount(nullptr, nullptr), ncclInvalidArgument);
  EXPECT_EQ(ncclGroupEnd(), ncclInvalidUsage);
}

TEST_F(NcclErrors, HostMemoryIsRefused) {
  std::vector<float> host(16);
  EXPECT_EQ(ncclAllReduce(host.data(), data[0], 16, ncclFloat32, ncclSum, comms[0], streams[0]),
            ncclInvalidArgument);
  EXPECT_NE(last_error().find("sendbuff is not memory that the device can reach"),
            std::string::npos);
}

TEST_F(NcclErrors, AnErrorInAGroupEndsTheGroup) {
  ASSERT_NCCL(ncclGroupStart());
  EXPECT_NCCL(all_reduce(0, 1, ncclFloat32, ncclSum));
  EXPECT_EQ(all_reduce(1, 1, ncclNumTypes, ncclSum), ncclInvalidArgument);
  EXPECT_EQ(ncclGroupEnd(), ncclInvalidArgument);
  EXPECT_EQ(cudaStreamQuery(streams[0]), cudaSuccess) << "nothing of the group was started";
}

TEST_F(NcclErrors, RanksMustFit) {
  ncclUniqueId id{};
  ncclComm_t comm = nullptr;
  ASSERT_NCCL(ncclGetUniqueId(&id));
  ASSERT_CUDA(cudaSetDevice(0));
  EXPECT_EQ(ncclCommInitRank(&comm, 2, id, 2), ncclInvalidArgument);
  EXPECT_EQ(ncclCommInitRank(&comm, 0, id, 0), ncclInvalidArgument);
  const ncclUniqueId foreign{};
  EXPECT_EQ(ncclCommInitRank(&comm, 2, foreign, 0), ncclInvalidUsage);
  ncclConfig_t config{};
  EXPECT_EQ(ncclCommInitRankConfig(&comm, 2, id, 0, &config), ncclInvalidArgument)
      << "a config that was not initialised";
  EXPECT_EQ(comm, nullptr);
}

TEST_F(NcclErrors, OneGpuHasOneRank) {
  ncclUniqueId id{};
  ASSERT_NCCL(ncclGetUniqueId(&id));
  ASSERT_CUDA(cudaSetDevice(1));
  std::vector<ncclComm_t> made(2);
  ASSERT_NCCL(ncclGroupStart());
  EXPECT_NCCL(ncclCommInitRank(&made[0], 2, id, 0));
  EXPECT_NCCL(ncclCommInitRank(&made[1], 2, id, 1));
  EXPECT_EQ(ncclGroupEnd(), ncclInvalidUsage);
  EXPECT_NE(last_error().find("duplicate GPU"), std::string::npos) << last_error();
  for (const ncclComm_t comm : made) {
    EXPECT_NCCL(ncclCommAbort(comm));
  }
}

TEST_F(NcclErrors, TheSameRankTwice) {
  ncclUniqueId id{};
  ASSERT_NCCL(ncclGetUniqueId(&id));
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  ncclComm_t first = nullptr;
  ncclComm_t second = nullptr;
  ASSERT_CUDA(cudaSetDevice(0));
  EXPECT_EQ(ncclCommInitRankConfig(&first, 2, id, 0, &config), ncclInProgress);
  ASSERT_CUDA(cudaSetDevice(1));
  EXPECT_EQ(ncclCommInitRankConfig(&second, 2, id, 0, &config), ncclInvalidUsage);
  EXPECT_EQ(ncclCommInitRankConfig(&second, 3, id, 1, &config), ncclInvalidUsage)
      << "another number of ranks";
  EXPECT_NCCL(ncclCommAbort(first));
}

/// Every rank calls something else than rank 0: all of them must hear of it.
class NcclMismatches : public NcclErrors {
 protected:
  template <typename Call>
  void expect_refused(Call call) {
    ASSERT_NCCL(ncclGroupStart());
    for (int d = 0; d < kDevices; ++d) {
      ASSERT_NCCL(call(d));
    }
    ASSERT_NCCL(ncclGroupEnd());
    synchronize();
    for (int d = 0; d < kDevices; ++d) {
      ncclResult_t state = ncclSuccess;
      EXPECT_NCCL(ncclCommGetAsyncError(comms[at(d)], &state));
      EXPECT_EQ(state, ncclInvalidUsage) << "rank " << d;
      EXPECT_EQ(all_reduce(d, 1, ncclFloat32, ncclSum), ncclInvalidUsage)
          << "a communicator in error refuses work";
    }
    EXPECT_NE(last_error().find("mismatched collectives"), std::string::npos) << last_error();
  }
};

TEST_F(NcclMismatches, Count) {
  expect_refused([&](int d) { return all_reduce(d, d == 2 ? 8 : 7, ncclFloat32, ncclSum); });
}
TEST_F(NcclMismatches, Type) {
  expect_refused(
      [&](int d) { return all_reduce(d, 7, d == 3 ? ncclInt32 : ncclFloat32, ncclSum); });
}
TEST_F(NcclMismatches, Reduction) {
  expect_refused([&](int d) { return all_reduce(d, 7, ncclFloat32, d == 1 ? ncclMax : ncclSum); });
}
TEST_F(NcclMismatches, Root) {
  expect_refused([&](int d) {
    return ncclBroadcast(data[at(d)], data[at(d)], 7, ncclFloat32, d == 1 ? 1 : 0, comms[at(d)],
                         streams[at(d)]);
  });
}
TEST_F(NcclMismatches, Collective) {
  expect_refused([&](int d) {
    return d == 0 ? all_reduce(d, 7, ncclFloat32, ncclSum)
                  : ncclBroadcast(data[at(d)], data[at(d)], 7, ncclFloat32, 0, comms[at(d)],
                                  streams[at(d)]);
  });
}

TEST_F(NcclErrors, WhatIsNotThereSaysSoByName) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(ncclSend(data[0], 1, ncclFloat32, 1, comms[0], streams[0]), ncclInvalidUsage);
  EXPECT_EQ(ncclSend(data[0], 1, ncclFloat32, 1, comms[0], streams[0]), ncclInvalidUsage);
  const std::string log = testing::internal::GetCapturedStderr();
  const auto first = log.find("ncclSend");
  EXPECT_NE(first, std::string::npos) << log;
  EXPECT_EQ(log.find("ncclSend", first + 1), std::string::npos) << "once is enough";
  EXPECT_NE(last_error().find("ncclSend is not implemented"), std::string::npos);
}

}  // namespace
}  // namespace rackproof::emulator::api_nccl::test
