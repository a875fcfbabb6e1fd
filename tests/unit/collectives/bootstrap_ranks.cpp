// One rank of the bootstrap tests: bootstrap_ranks <agreement|hang|death>, under mpirun.
#include "collectives/bootstrap.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

namespace {

using namespace rackproof::collectives;

constexpr int kTimeoutExitCode = 4;
constexpr int kFaultyRank = 2;

void expect(bool condition, const char* what) {
  if (!condition) {
    std::fprintf(stderr, "failed: %s\n", what);
    std::_Exit(1);
  }
}

std::vector<std::byte> message_of(int rank) {
  // Lengths differ and one is empty.
  return std::vector<std::byte>(static_cast<std::size_t>(rank) * 1000, std::byte(rank + 1));
}

void check_agreement(Bootstrap& bootstrap) {
  const Deadline deadline("test", 30);
  const int rank = bootstrap.rank();
  const int size = bootstrap.size();

  const auto gathered = bootstrap.all_gather(message_of(rank), deadline);
  expect(gathered.size() == static_cast<std::size_t>(size), "all_gather returns one entry a rank");
  for (int r = 0; r < size; ++r) {
    expect(gathered[static_cast<std::size_t>(r)] == message_of(r), "all_gather keeps bytes");
  }
  for (int root = 0; root < size; ++root) {
    expect(bootstrap.broadcast(message_of(rank), root, deadline) == message_of(root),
           "broadcast sends the root's bytes");
  }
  const std::vector<double> values{rank + 0.5, -2.0 * rank};
  const std::vector<double> largest{size - 0.5, 0.0};
  const std::vector<double> smallest{0.5, -2.0 * (size - 1)};
  expect(bootstrap.all_reduce_max(values, deadline) == largest, "all_reduce_max");
  expect(bootstrap.all_reduce_min(values, deadline) == smallest, "all_reduce_min");
  expect(bootstrap.max(rank, deadline) == size - 1, "max");
  expect(bootstrap.min(rank, deadline) == 0, "min");
  expect(bootstrap.agree(true, deadline), "agree when all do");
  expect(!bootstrap.agree(rank != size - 1, deadline), "no agreement when one does not");

  // The barrier holds everybody until the last has come.
  constexpr auto kLate = std::chrono::milliseconds(200);
  bootstrap.barrier(deadline);
  const Deadline stopwatch("test", 30);
  if (rank == 0) {
    std::this_thread::sleep_for(kLate);
  }
  bootstrap.barrier(deadline);
  expect(stopwatch.elapsed_s() > 0.15, "barrier waits for the last rank");
}

void wait_for_faulty_rank(Bootstrap& bootstrap, bool dies) {
  bootstrap.barrier(Deadline("init", 30));
  if (bootstrap.rank() == kFaultyRank) {
    if (dies) {
      std::raise(SIGKILL);
    }
    std::this_thread::sleep_for(std::chrono::seconds(60));
  }
  try {
    bootstrap.barrier(Deadline("warm-up", 1));
  } catch (const TimeoutError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    expect(error.phase() == "warm-up", "the error names the phase");
    expect(error.missing_ranks() == std::vector<int>{kFaultyRank}, "the error names the rank");
    bootstrap.abort(kTimeoutExitCode);
  }
  expect(false, "the barrier must not complete");
}

}  // namespace

int main(int argc, char** argv) {
  const auto bootstrap = make_mpi_bootstrap(argc, argv);
  const std::string_view scenario = argc > 1 ? argv[1] : "";
  if (scenario == "agreement") {
    check_agreement(*bootstrap);
  } else if (scenario == "hang" || scenario == "death") {
    wait_for_faulty_rank(*bootstrap, scenario == "death");
  } else {
    std::fprintf(stderr, "usage: bootstrap_ranks agreement|hang|death\n");
    return 2;
  }
  return 0;
}
