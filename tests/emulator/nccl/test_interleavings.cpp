// Ranks get on in any order: a random one at a time, so that some are far ahead and some behind.
#include "emulator/api_nccl/collective_run.hpp"
#include "emulator/api_nccl/communicator.hpp"
#include "tests/emulator/nccl/engine_stand_in.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <utility>
#include <vector>

namespace rackproof::emulator::api_nccl::test {
namespace {

using Comm = std::shared_ptr<CommState>;
using Random = std::mt19937;

constexpr int kSeeds = 40;
/// Far more turns than any schedule needs: beyond them somebody waits for ever.
constexpr int kMaxTurns = 1'000'000;

int pick(Random& random, int limit) {
  return static_cast<int>(random() % static_cast<unsigned>(limit));
}

/// Looks at random members of `busy` until all say that they are ready.
void progress_all(std::vector<Comm> busy, Random& random) {
  while (!busy.empty()) {
    const auto chosen = busy.begin() + pick(random, static_cast<int>(busy.size()));
    const ncclResult_t state = progress(**chosen);
    if (state != ncclInProgress) {
      ASSERT_EQ(state, ncclSuccess);
      busy.erase(chosen);
    }
  }
}

std::vector<Comm> communicators(int ranks, Random& random) {
  const SegmentId id = Segment::create();
  std::vector<Comm> comms;
  for (int rank = 0; rank < ranks; ++rank) {
    set_current_device(rank);
    comms.push_back(join(id, rank, ranks, false));
  }
  progress_all(comms, random);
  return comms;
}

/// One rank's buffer, of which each call uses its own part.
struct RankOperation {
  std::unique_ptr<CollectiveRun> run;
  bool is_done = false;
};

// Three all-reduces of one communicator in three streams: several slots, one slot, direct.
TEST(NcclInterleavings, CollectivesOfOneCommunicatorKeepTheirOrder) {
  constexpr int kRanks = 3;
  const std::vector<std::size_t> counts{200'000, 30'000, 100};
  for (unsigned seed = 0; seed < kSeeds; ++seed) {
    Random random(seed);
    const auto comms = communicators(kRanks, random);
    std::vector<std::vector<std::vector<std::int32_t>>> data(kRanks);
    std::vector<RankOperation> operations;
    for (int rank = 0; rank < kRanks; ++rank) {
      for (std::size_t k = 0; k < counts.size(); ++k) {
        std::vector<std::int32_t> values(counts[k]);
        for (std::size_t i = 0; i < values.size(); ++i) {
          values[i] = static_cast<std::int32_t>((i * 31 + k) % 1000) * (rank + 1);
        }
        data[static_cast<std::size_t>(rank)].push_back(std::move(values));
        auto* buffer = reinterpret_cast<std::byte*>(data[static_cast<std::size_t>(rank)][k].data());
        Call call;
        call.send = buffer;
        call.receive = buffer;
        call.count = counts[k];
        call.type = ncclInt32;
        call.rank = rank;
        call.ranks = kRanks;
        call.first = static_cast<int>(k) % kRanks;
        operations.push_back(
            {std::make_unique<CollectiveRun>(comms[static_cast<std::size_t>(rank)], call, k)});
      }
    }
    std::vector<engine::TimePs> ends;
    for (int turn = 0; ends.size() < operations.size(); ++turn) {
      ASSERT_LT(turn, kMaxTurns) << "seed " << seed << ": nobody gets on";
      RankOperation& operation =
          operations[static_cast<std::size_t>(pick(random, static_cast<int>(operations.size())))];
      // Bursts let one rank run ahead as far as it can.
      for (int looks = pick(random, 20); looks > 0 && !operation.is_done; --looks) {
        const engine::PollResult result = operation.run->poll(0);
        ASSERT_NE(result.state, engine::PollResult::State::failed);
        if (result.state == engine::PollResult::State::done) {
          operation.is_done = true;
          ends.push_back(result.end_time_ps);
        }
      }
    }
    for (int rank = 0; rank < kRanks; ++rank) {
      const Comm& comm = comms[static_cast<std::size_t>(rank)];
      ASSERT_EQ(comm->async_error, ncclSuccess) << "seed " << seed;
      ASSERT_EQ(comm->last_end_ps, comms.front()->last_end_ps) << "all ranks end together";
      for (std::size_t k = 0; k < counts.size(); ++k) {
        const auto& values = data[static_cast<std::size_t>(rank)][k];
        for (std::size_t i = 0; i < values.size(); ++i) {
          // 1 + 2 + 3 times the first rank's value.
          ASSERT_EQ(values[i], static_cast<std::int32_t>((i * 31 + k) % 1000) * 6)
              << "seed " << seed << ", rank " << rank << ", call " << k << ", element " << i;
        }
      }
    }
  }
}

// Splits one after the other: nobody may read the boxes of the next one, nor of the one before.
TEST(NcclInterleavings, SplitsFollowEachOther) {
  constexpr int kRanks = 5;
  constexpr int kSplits = 12;
  for (unsigned seed = 0; seed < kSeeds; ++seed) {
    Random random(seed);
    const auto comms = communicators(kRanks, random);
    // Each rank starts its next split as soon as its own part of the last one is done.
    std::vector<std::vector<Comm>> children(kRanks);
    std::vector<Comm> made;
    const auto color_of = [](int rank, int split) { return (rank + split) % 3 - 1; };
    const auto is_unfinished = [&] {
      return std::any_of(children.begin(), children.end(),
                         [](const auto& list) { return list.size() < kSplits; }) ||
             std::any_of(comms.begin(), comms.end(),
                         [](const Comm& comm) { return comm->task != nullptr; });
    };
    for (int turn = 0; is_unfinished(); ++turn) {
      ASSERT_LT(turn, kMaxTurns) << "seed " << seed << ": nobody gets on";
      const auto rank = static_cast<std::size_t>(pick(random, kRanks));
      const ncclResult_t state = progress(*comms[rank]);
      if (state == ncclInProgress || children[rank].size() == kSplits) {
        continue;
      }
      ASSERT_EQ(state, ncclSuccess);
      const int split = static_cast<int>(children[rank].size());
      const int color = color_of(static_cast<int>(rank), split);
      children[rank].push_back(start_split(comms[rank], color, -static_cast<int>(rank), false));
    }
    for (int split = 0; split < kSplits; ++split) {
      std::vector<Comm> ready;
      for (int rank = 0; rank < kRanks; ++rank) {
        const Comm& child =
            children[static_cast<std::size_t>(rank)][static_cast<std::size_t>(split)];
        const int color = color_of(rank, split);
        ASSERT_EQ(child == nullptr, color == NCCL_SPLIT_NOCOLOR);
        if (child == nullptr) {
          continue;
        }
        int size = 0;
        int before = 0;
        for (int other = 0; other < kRanks; ++other) {
          if (color_of(other, split) == color) {
            ++size;
            before += other > rank ? 1 : 0;  // keys are the negated ranks
          }
        }
        ASSERT_EQ(child->ranks, size) << "seed " << seed << ", split " << split;
        ASSERT_EQ(child->rank, before) << "seed " << seed << ", split " << split;
        ready.push_back(child);
      }
      progress_all(ready, random);
    }
  }
}

}  // namespace
}  // namespace rackproof::emulator::api_nccl::test
