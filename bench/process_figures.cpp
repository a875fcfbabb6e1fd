// What a process pays: to start, and for device memory that it only reserves.
#include "bench/check.hpp"
#include "bench/figures.hpp"
#include "bench/kernels.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <limits>
#include <spawn.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace rackproof::bench {
namespace {

void start_process(benchmark::State& state) {
  std::string path = RACKPROOF_BENCH_EMPTY;
  char* const arguments[] = {path.data(), nullptr};
  double best_s = std::numeric_limits<double>::infinity();
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    pid_t child = 0;
    int status = -1;
    if (posix_spawn(&child, path.c_str(), nullptr, nullptr, arguments, environ) != 0 ||
        waitpid(child, &status, 0) != child || status != 0) {
      throw std::runtime_error(path + " failed");
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    state.SetIterationTime(seconds.count());
    best_s = std::min(best_s, seconds.count());
  }
  state.counters[kFigureCounter] = best_s * 1e3;
}

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double pages_total = 0;
  double pages_resident = 0;
  file >> pages_total >> pages_resident;
  return pages_resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

/// Host memory that device memory costs, for each byte of it that the program touches.
void touch_memory(benchmark::State& state) {
  constexpr std::size_t kReserved = std::size_t{100} << 30;
  constexpr std::size_t kTouched = std::size_t{64} << 20;
  const LoopShape shape{.blocks = 16, .iterations = 1};
  const std::size_t written_by_kernel = std::size_t{shape.blocks} * shape.threads * sizeof(float);
  double cost = 0;
  for (auto _ : state) {
    const double before = resident_bytes();
    {
      DeviceArray<std::uint8_t> memory(kReserved);
      check(cudaMemset(memory.get() + kReserved / 2, 1, kTouched), "cudaMemset");
      launch_fma_loop(shape, reinterpret_cast<float*>(memory.get() + kReserved / 4));
      check(cudaDeviceSynchronize(), "a kernel");
      cost = (resident_bytes() - before) / static_cast<double>(kTouched + written_by_kernel);
    }
    state.SetIterationTime(1e-3);
    if (resident_bytes() - before > kTouched / 2) {
      throw std::runtime_error("cudaFree keeps host memory");
    }
  }
  state.counters[kFigureCounter] = cost;
}

}  // namespace

void register_process_figures(const Effort& effort) {
  benchmark::RegisterBenchmark("start of an empty program", start_process)
      ->UseManualTime()
      ->Iterations(effort.scaled(20, 2))
      ->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("memory per byte touched", touch_memory)
      ->UseManualTime()
      ->Iterations(1);
}

}  // namespace rackproof::bench
