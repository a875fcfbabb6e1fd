// One rank: nccl_ranks <verify|split|planted|absent|death>, under run_ranks.sh.
#include "collectives/collective.hpp"
#include "collectives/communicator.hpp"
#include "collectives/watchdog.hpp"
#include "collectives/workload.hpp"
#include "runtime/error.hpp"
#include "runtime/stream.hpp"

#include <cuda_runtime_api.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

namespace {

using namespace rackproof;
using namespace rackproof::collectives;

constexpr int kTimeoutExitCode = 4;
constexpr int kFaultyRank = 2;
constexpr double kPatience_s = 60;

void expect(bool condition, const std::string& what) {
  if (!condition) {
    std::fprintf(stderr, "failed: %s\n", what.c_str());
    std::_Exit(1);
  }
}

struct Rank {
  Bootstrap& bootstrap;
  Communicator& communicator;
  runtime::Stream stream;

  Verification run_and_verify(CollectiveWorkload& workload) {
    workload.fill(stream.get());
    workload.launch(stream.get());
    Watchdog(communicator).wait(stream.get(), Deadline("verify", kPatience_s), workload.name());
    return workload.verify(stream.get());
  }
};

const Collective& all_reduce() {
  return *find_collective("all_reduce");
}

void verify_one(Rank& rank, const WorkloadConfig& config) {
  CollectiveWorkload workload(all_reduce(), rank.communicator, config);
  const Verification result = rank.run_and_verify(workload);
  expect(result.passed && result.wrong_elements == 0 && !result.first_wrong,
         workload.name() + ": " + std::to_string(result.wrong_elements) + " wrong");
  expect(result.checked_elements == config.bytes / size_bytes(config.type),
         "every element is checked");
}

/// Every type, reduction and placement.
void verify(Rank& rank, std::initializer_list<std::uint64_t> sizes) {
  for (const auto placement : {Placement::out_of_place, Placement::in_place}) {
    for (const auto type : {DataType::float32, DataType::bfloat16, DataType::int32}) {
      for (const auto op : {ReduceOp::sum, ReduceOp::min, ReduceOp::max}) {
        for (const std::uint64_t bytes : sizes) {
          verify_one(rank, {type, op, placement, bytes, 0});
        }
      }
    }
  }
}

/// Several of the double's slots, the last one partly filled.
void verify_large(Rank& rank) {
  for (const auto placement : {Placement::out_of_place, Placement::in_place}) {
    for (const std::uint64_t bytes : {std::uint64_t{300'000}, std::uint64_t{1'048'580}}) {
      verify_one(rank, {DataType::float32, ReduceOp::sum, placement, bytes, 0});
    }
  }
}

/// Rotating sets: all of them are launched, the last is verified.
void verify_rotation(Rank& rank) {
  constexpr std::uint64_t kBytes = 1000;
  constexpr std::uint64_t kBeyond = 20'000;
  CollectiveWorkload workload(
      all_reduce(), rank.communicator,
      {DataType::float32, ReduceOp::sum, Placement::in_place, kBytes, kBeyond});
  expect(workload.buffer_sets() * kBytes > kBeyond - kBytes, "the sets together exceed the cache");
  void* first = workload.output().data;
  for (std::uint64_t i = 0; i < workload.buffer_sets(); ++i) {
    workload.launch(rank.stream.get());
    expect(i == 0 || workload.output().data != first, "successive launches use different sets");
  }
  expect(rank.run_and_verify(workload).passed, workload.name() + " after rotation");
}

void split(Rank& rank) {
  constexpr int kTray = 4;
  const int own = rank.communicator.rank();
  auto tray = rank.communicator.split(own / kTray, own, Deadline("init", kPatience_s));
  expect(tray.has_value() && tray->size() == kTray && tray->rank() == own % kTray,
         "a communicator per tray");
  Rank part{rank.bootstrap, *tray, {}};
  verify(part, {8, 70'000});
  tray->finalize(Deadline("finalize", kPatience_s));
  // Reversed order, and one rank in none.
  auto rest = rank.communicator.split(own == 0 ? -1 : 0, -own, Deadline("init", kPatience_s));
  expect(rest.has_value() == (own != 0), "a negative color joins nothing");
  if (rest) {
    expect(rest->rank() == rank.communicator.size() - 1 - own, "key orders the ranks");
    Rank remaining{rank.bootstrap, *rest, {}};
    verify(remaining, {1000});
  }
}

/// The verifier must see one wrong element, and say which.
void planted(Rank& rank) {
  for (const auto type : {DataType::float32, DataType::bfloat16, DataType::int32}) {
    CollectiveWorkload workload(all_reduce(), rank.communicator,
                                {type, ReduceOp::sum, Placement::out_of_place, 40'000, 0});
    expect(rank.run_and_verify(workload).passed, "right before the fault");
    const OutputView output = workload.output();
    expect(output.elements == 40'000 / size_bytes(type), "the whole output is in view");
    for (const std::uint64_t index : {output.elements - 1, std::uint64_t{4321}}) {
      auto* element = static_cast<std::byte*>(output.data) + index * output.element_bytes;
      std::uint32_t bits = 0;
      RACKPROOF_CUDA(cudaMemcpy(&bits, element, output.element_bytes, cudaMemcpyDeviceToHost));
      bits ^= 1U;  // the smallest difference there is
      RACKPROOF_CUDA(cudaMemcpy(element, &bits, output.element_bytes, cudaMemcpyHostToDevice));
      const Verification result = workload.verify(rank.stream.get());
      expect(!result.passed && result.first_wrong.has_value(), "the fault is found");
      expect(result.first_wrong->index == index, "the lowest wrong element is named");
      expect(result.first_wrong->actual != result.first_wrong->expected, "with both values");
    }
    expect(workload.verify(rank.stream.get()).wrong_elements == 2, "all are counted");
  }
  // Unwritten output is wrong everywhere.
  CollectiveWorkload workload(all_reduce(), rank.communicator,
                              {DataType::int32, ReduceOp::max, Placement::out_of_place, 4000, 0});
  rank.run_and_verify(workload);
  RACKPROOF_CUDA(cudaMemset(workload.output().data, 0, 4000));
  expect(workload.verify(rank.stream.get()).wrong_elements == 1000, "missing output");
}

/// Rank 2 does not take part: it hangs, or it dies.
void lose_a_rank(Rank& rank, bool dies) {
  CollectiveWorkload workload(
      all_reduce(), rank.communicator,
      {DataType::float32, ReduceOp::sum, Placement::out_of_place, 1 << 20, 0});
  rank.bootstrap.barrier(Deadline("init", kPatience_s));
  if (rank.communicator.rank() == kFaultyRank) {
    if (dies) {
      std::raise(SIGKILL);
    }
    std::this_thread::sleep_for(std::chrono::seconds(60));
  }
  workload.launch(rank.stream.get());
  try {
    Watchdog(rank.communicator).wait(rank.stream.get(), Deadline("warm-up", 1), workload.name());
  } catch (const TimeoutError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    expect(error.missing_ranks() == std::vector<int>{kFaultyRank}, "the silent rank is named");
    // The abort has freed the stream.
    const Deadline soon("finalize", 10);
    while (!rank.stream.is_idle()) {
      expect(!soon.is_expired(), "an aborted collective leaves its stream");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    rank.bootstrap.abort(kTimeoutExitCode);
  }
  expect(false, "the collective must not complete without rank 2");
}

}  // namespace

int main(int argc, char** argv) {
  const auto bootstrap = make_mpi_bootstrap(argc, argv);
  const std::string_view scenario = argc > 1 ? argv[1] : "";
  try {
    int devices = 0;
    RACKPROOF_CUDA(cudaGetDeviceCount(&devices));
    RACKPROOF_CUDA(cudaSetDevice(bootstrap->rank() % devices));
    auto communicator = Communicator::create(*bootstrap, Deadline("init", kPatience_s));
    expect(communicator.size() == bootstrap->size(), "one communicator for all");
    Rank rank{*bootstrap, communicator, {}};
    if (scenario == "verify") {
      // Around 4 KiB the double changes its algorithm.
      verify(rank, {8, 36, 4096, 4100});
      verify_large(rank);
      verify_rotation(rank);
    } else if (scenario == "split") {
      split(rank);
    } else if (scenario == "planted") {
      planted(rank);
    } else if (scenario == "absent" || scenario == "death") {
      lose_a_rank(rank, scenario == "death");
    } else {
      std::fprintf(stderr, "usage: nccl_ranks verify|split|planted|absent|death\n");
      return 2;
    }
    communicator.finalize(Deadline("finalize", kPatience_s));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rank %d: %s\n", bootstrap->rank(), error.what());
    bootstrap->abort(1);
  }
  return 0;
}
