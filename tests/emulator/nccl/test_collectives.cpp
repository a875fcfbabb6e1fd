// Results of every collective, type, reduction and placement between the devices of one process.
#include "tests/emulator/nccl/devices.hpp"
#include "tests/emulator/nccl/small_integers.hpp"

#include <algorithm>
#include <string>

namespace rackproof::emulator::api_nccl::test {
namespace {

/// Counts around the sizes where the double changes its ways: one element, a direct all-reduce
/// (4 KiB), one slot (256 KiB), several slots; and some that nothing divides.
constexpr std::size_t kCounts[] = {1, 2, 3, 5, 1023, 1024, 1025, 65535, 65537, 200'003};

/// What rank `rank` contributes: small enough that every reduction is exact in every type. Only
/// 3 significant bits are needed, which is what float8e5m2 has.
int contribution(ncclRedOp_t op, bool is_signed, int rank, std::size_t i) {
  const int draw = static_cast<int>((i * 7 + static_cast<std::size_t>(rank) * 3 + i / 5) % 5);
  switch (op) {
    case ncclProd:
      return draw % 2 + 1;  // products 1, 2, 4, 8, 16
    case ncclAvg:
      return 4 * (draw % 3);  // sums divisible by four ranks
    case ncclSum:
      return is_signed ? draw % 5 - 2 : draw % 3;  // sums of magnitude <= 8
    default:
      return is_signed ? draw - 2 : draw;
  }
}

int reduced(ncclRedOp_t op, bool is_signed, int ranks, std::size_t i) {
  int result = contribution(op, is_signed, 0, i);
  for (int rank = 1; rank < ranks; ++rank) {
    const int value = contribution(op, is_signed, rank, i);
    switch (op) {
      case ncclProd:
        result *= value;
        break;
      case ncclMax:
        result = std::max(result, value);
        break;
      case ncclMin:
        result = std::min(result, value);
        break;
      default:
        result += value;
    }
  }
  return op == ncclAvg ? result / ranks : result;
}

constexpr ncclRedOp_t kOps[] = {ncclSum, ncclProd, ncclMax, ncclMin, ncclAvg};

class NcclCollectives : public Devices {
 protected:
  std::vector<std::byte> inputs(const ElementType& type, ncclRedOp_t op, int rank,
                                std::size_t count) {
    return encode(type, count,
                  [&](std::size_t i) { return contribution(op, type.is_signed, rank, i); });
  }
  std::vector<std::byte> outputs(const ElementType& type, ncclRedOp_t op, std::size_t first,
                                 std::size_t count) {
    return encode(type, count,
                  [&](std::size_t i) { return reduced(op, type.is_signed, kDevices, first + i); });
  }
};

TEST_F(NcclCollectives, AllReduceOfEveryTypeAndReduction) {
  for (const ElementType& type : all_types()) {
    for (const ncclRedOp_t op : kOps) {
      for (const std::size_t count : {std::size_t{3}, std::size_t{5000}}) {
        std::vector<std::byte*> send;
        std::vector<std::byte*> receive;
        for (int d = 0; d < kDevices; ++d) {
          send.push_back(upload(d, inputs(type, op, d, count)));
          receive.push_back(allocate(d, count * type.bytes));
        }
        run_group([&](int d) {
          return ncclAllReduce(send[at(d)], receive[at(d)], count, type.type, op, comms[at(d)],
                               streams[at(d)]);
        });
        for (int d = 0; d < kDevices; ++d) {
          ASSERT_EQ(download(receive[at(d)], count * type.bytes), outputs(type, op, 0, count))
              << type.name << ", op " << op << ", count " << count << ", device " << d;
          ASSERT_EQ(download(send[at(d)], count * type.bytes), inputs(type, op, d, count))
              << "the input is left alone";
        }
      }
    }
  }
}

TEST_F(NcclCollectives, AllReduceOfEverySizeAndPlacement) {
  const ElementType type = element_type<float>(ncclFloat32, "float32");
  for (const bool in_place : {false, true}) {
    for (const std::size_t count : kCounts) {
      std::vector<std::byte*> send;
      std::vector<std::byte*> receive;
      for (int d = 0; d < kDevices; ++d) {
        send.push_back(upload(d, inputs(type, ncclSum, d, count)));
        receive.push_back(in_place ? send.back() : allocate(d, count * type.bytes));
      }
      run_group([&](int d) {
        return ncclAllReduce(send[at(d)], receive[at(d)], count, ncclFloat32, ncclSum, comms[at(d)],
                             streams[at(d)]);
      });
      for (int d = 0; d < kDevices; ++d) {
        ASSERT_EQ(download(receive[at(d)], count * type.bytes), outputs(type, ncclSum, 0, count))
            << "count " << count << ", device " << d << (in_place ? ", in place" : "");
      }
    }
  }
}

// Elements need only their own alignment, and nothing around the result may change.
TEST_F(NcclCollectives, AllReduceWithinALargerBuffer) {
  const ElementType type = element_type<std::uint8_t>(ncclUint8, "uint8", false);
  constexpr std::size_t kCount = 70'001;
  constexpr std::size_t kOffset = 13;
  constexpr std::byte kGuard{0x5a};
  std::vector<std::byte*> buffer;
  for (int d = 0; d < kDevices; ++d) {
    std::vector<std::byte> bytes(kCount + 2 * kOffset, kGuard);
    const auto values = inputs(type, ncclSum, d, kCount);
    std::copy(values.begin(), values.end(), bytes.begin() + kOffset);
    buffer.push_back(upload(d, bytes));
  }
  run_group([&](int d) {
    std::byte* data = buffer[at(d)] + kOffset;
    return ncclAllReduce(data, data, kCount, ncclUint8, ncclSum, comms[at(d)], streams[at(d)]);
  });
  std::vector<std::byte> expected(kCount + 2 * kOffset, kGuard);
  const auto values = outputs(type, ncclSum, 0, kCount);
  std::copy(values.begin(), values.end(), expected.begin() + kOffset);
  for (int d = 0; d < kDevices; ++d) {
    ASSERT_EQ(download(buffer[at(d)], expected.size()), expected) << "device " << d;
  }
}

TEST_F(NcclCollectives, ReduceLeavesTheResultAtTheRootAlone) {
  const ElementType type = element_type<std::int32_t>(ncclInt32, "int32");
  for (const std::size_t count : {std::size_t{7}, std::size_t{100'001}}) {
    for (int root = 0; root < kDevices; ++root) {
      std::vector<std::byte*> send;
      for (int d = 0; d < kDevices; ++d) {
        send.push_back(upload(d, inputs(type, ncclSum, d, count)));
      }
      std::byte* receive = allocate(root, count * type.bytes);
      run_group([&](int d) {
        return ncclReduce(send[at(d)], d == root ? receive : nullptr, count, ncclInt32, ncclSum,
                          root, comms[at(d)], streams[at(d)]);
      });
      ASSERT_EQ(download(receive, count * type.bytes), outputs(type, ncclSum, 0, count));
    }
  }
}

TEST_F(NcclCollectives, ReduceScatterGivesEachRankItsBlock) {
  const ElementType type = element_type<__nv_bfloat16>(ncclBfloat16, "bfloat16");
  for (const bool in_place : {false, true}) {
    for (const std::size_t count : {std::size_t{1}, std::size_t{33}, std::size_t{70'001}}) {
      std::vector<std::byte*> send;
      std::vector<std::byte*> receive;
      for (int d = 0; d < kDevices; ++d) {
        send.push_back(upload(d, inputs(type, ncclSum, d, count * kDevices)));
        receive.push_back(in_place ? send.back() + at(d) * count * type.bytes
                                   : allocate(d, count * type.bytes));
      }
      run_group([&](int d) {
        return ncclReduceScatter(send[at(d)], receive[at(d)], count, ncclBfloat16, ncclSum,
                                 comms[at(d)], streams[at(d)]);
      });
      for (int d = 0; d < kDevices; ++d) {
        ASSERT_EQ(download(receive[at(d)], count * type.bytes),
                  outputs(type, ncclSum, at(d) * count, count))
            << "count " << count << ", device " << d;
      }
    }
  }
}

TEST_F(NcclCollectives, AllGatherPutsEachRanksBlockInItsPlace) {
  const ElementType type = element_type<std::int64_t>(ncclInt64, "int64");
  const auto value = [](std::size_t rank, std::size_t i) {
    return static_cast<int>(rank * 1000 + i % 997);
  };
  for (const bool in_place : {false, true}) {
    for (const std::size_t count : {std::size_t{1}, std::size_t{50'001}}) {
      std::vector<std::byte*> send;
      std::vector<std::byte*> receive;
      for (int d = 0; d < kDevices; ++d) {
        const auto own = encode(type, count, [&](std::size_t i) { return value(at(d), i); });
        receive.push_back(allocate(d, kDevices * count * type.bytes));
        send.push_back(in_place ? receive.back() + at(d) * own.size() : allocate(d, own.size()));
        ASSERT_CUDA(cudaMemcpy(send.back(), own.data(), own.size(), cudaMemcpyHostToDevice));
      }
      run_group([&](int d) {
        return ncclAllGather(send[at(d)], receive[at(d)], count, ncclInt64, comms[at(d)],
                             streams[at(d)]);
      });
      const auto expected = encode(type, kDevices * count,
                                   [&](std::size_t i) { return value(i / count, i % count); });
      for (int d = 0; d < kDevices; ++d) {
        ASSERT_EQ(download(receive[at(d)], expected.size()), expected);
      }
    }
  }
}

TEST_F(NcclCollectives, BroadcastSendsTheRootsBuffer) {
  const ElementType type = element_type<float>(ncclFloat32, "float32");
  constexpr std::size_t kCount = 100'003;
  for (int root = 0; root < kDevices; ++root) {
    std::vector<std::byte*> buffer;
    for (int d = 0; d < kDevices; ++d) {
      buffer.push_back(upload(d, inputs(type, ncclSum, d, kCount)));
    }
    run_group([&](int d) {
      return ncclBroadcast(d == root ? buffer[at(d)] : nullptr, buffer[at(d)], kCount, ncclFloat32,
                           root, comms[at(d)], streams[at(d)]);
    });
    for (int d = 0; d < kDevices; ++d) {
      ASSERT_EQ(download(buffer[at(d)], kCount * 4), inputs(type, ncclSum, root, kCount));
    }
  }
}

#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 28, 0)
TEST_F(NcclCollectives, AllToAllTransposesTheBlocks) {
  const ElementType type = element_type<std::int32_t>(ncclInt32, "int32");
  const auto value = [](std::size_t from, std::size_t to, std::size_t i) {
    return static_cast<int>(from * 100'000 + to * 10'000 + i % 9973);
  };
  for (const std::size_t count : {std::size_t{1}, std::size_t{40'001}}) {
    std::vector<std::byte*> send;
    std::vector<std::byte*> receive;
    for (int d = 0; d < kDevices; ++d) {
      send.push_back(upload(d, encode(type, kDevices * count, [&](std::size_t i) {
                              return value(at(d), i / count, i % count);
                            })));
      receive.push_back(allocate(d, kDevices * count * type.bytes));
    }
    run_group([&](int d) {
      return ncclAlltoAll(send[at(d)], receive[at(d)], count, ncclInt32, comms[at(d)],
                          streams[at(d)]);
    });
    for (int d = 0; d < kDevices; ++d) {
      ASSERT_EQ(download(receive[at(d)], kDevices * count * type.bytes),
                encode(type, kDevices * count,
                       [&](std::size_t i) { return value(i / count, at(d), i % count); }));
    }
  }
}
#endif

TEST_F(NcclCollectives, ManyInOneGroup) {
  const ElementType type = element_type<float>(ncclFloat32, "float32");
  const std::vector<std::size_t> counts{10, 3000, 70'000};
  std::vector<std::vector<std::byte*>> buffer(counts.size());
  for (std::size_t k = 0; k < counts.size(); ++k) {
    for (int d = 0; d < kDevices; ++d) {
      buffer[k].push_back(upload(d, inputs(type, ncclSum, d, counts[k])));
    }
  }
  ASSERT_NCCL(ncclGroupStart());
  for (int d = 0; d < kDevices; ++d) {
    for (std::size_t k = 0; k < counts.size(); ++k) {
      // Groups nest; only the outer end starts anything.
      ASSERT_NCCL(ncclGroupStart());
      ASSERT_NCCL(ncclAllReduce(buffer[k][at(d)], buffer[k][at(d)], counts[k], ncclFloat32, ncclSum,
                                comms[at(d)], streams[at(d)]));
      ASSERT_NCCL(ncclGroupEnd());
    }
  }
  ASSERT_NCCL(ncclGroupEnd());
  synchronize();
  for (std::size_t k = 0; k < counts.size(); ++k) {
    for (int d = 0; d < kDevices; ++d) {
      ASSERT_EQ(download(buffer[k][at(d)], counts[k] * 4), outputs(type, ncclSum, 0, counts[k]));
    }
  }
}

}  // namespace
}  // namespace rackproof::emulator::api_nccl::test
