// Loops and copies: thread instructions a second, by the emulator's own exact count.
#include "bench/check.hpp"
#include "bench/figures.hpp"
#include "bench/kernels.hpp"
#include "bench/stopwatch.hpp"
#include "bench/work_counters.hpp"

#include <benchmark/benchmark.h>

#include <cmath>
#include <functional>
#include <vector>

namespace rackproof::bench {
namespace {

/// Times `launch` until the device is idle; the figure is in G thread instructions a second.
void measure_rate(benchmark::State& state, const std::function<void()>& launch) {
  launch();  // the first launch parses and decodes
  check(cudaDeviceSynchronize(), "warm-up");
  double best = 0;
  for (auto _ : state) {
    const std::uint64_t before = work_so_far().thread_instructions;
    const Stopwatch stopwatch;
    launch();
    check(cudaDeviceSynchronize(), "a timed kernel");
    const double seconds = stopwatch.seconds();
    state.SetIterationTime(seconds);
    const std::uint64_t executed = work_so_far().thread_instructions - before;
    best = std::max(best, static_cast<double>(executed) / seconds * 1e-9);
  }
  state.counters[kFigureCounter] = best;
}

void fma(benchmark::State& state, const LoopShape& shape) {
  const std::size_t threads = std::size_t{shape.blocks} * shape.threads;
  DeviceArray<float> out(threads);
  measure_rate(state, [&] { launch_fma_loop(shape, out.get()); });
  const std::vector<float> results = out.to_host();
  for (std::size_t i = 0; i < threads; i += 97) {
    float expected = 0;
    for (std::size_t chain = 0; chain < 8; ++chain) {
      auto value = static_cast<float>((i + chain) % 16);
      for (unsigned step = 0; step < shape.iterations; ++step) {
        value = std::fma(value, 0.5F, 1.0F);
      }
      expected += value;
    }
    expect_equal(results[i], expected, "fma loop");
  }
}

void integer(benchmark::State& state, const LoopShape& shape) {
  const std::size_t threads = std::size_t{shape.blocks} * shape.threads;
  DeviceArray<std::uint32_t> out(threads);
  measure_rate(state, [&] { launch_integer_loop(shape, out.get()); });
  const std::vector<std::uint32_t> results = out.to_host();
  for (std::size_t i = 0; i < threads; i += 97) {
    auto expected = static_cast<std::uint32_t>(i);
    for (unsigned step = 0; step < shape.iterations; ++step) {
      expected = integer_step(expected, step);
    }
    expect_equal(results[i], expected, "integer loop");
  }
}

void divergent(benchmark::State& state, const LoopShape& shape) {
  const std::size_t threads = std::size_t{shape.blocks} * shape.threads;
  DeviceArray<std::uint32_t> out(threads);
  measure_rate(state, [&] { launch_divergent_loop(shape, out.get()); });
  const std::vector<std::uint32_t> results = out.to_host();
  for (std::size_t i = 0; i < threads; i += 97) {
    auto x = static_cast<std::uint32_t>(i + 1);
    std::uint32_t hash = 0;
    for (unsigned step = 0; step < shape.iterations; ++step) {
      const bool odd = (x & 1U) != 0;
      x = odd ? 3 * x + 1 : x / 2;
      hash = odd ? (hash + (x >> 3)) ^ step : hash - x;
    }
    expect_equal(results[i], x + hash, "divergent loop");
  }
}

using CopyLaunch = void (*)(const LoopShape&, const void*, void*, std::uint32_t);

void copy(benchmark::State& state, const LoopShape& shape, CopyLaunch launch, std::size_t words,
          std::uint32_t elements) {
  std::vector<std::uint32_t> pattern(words);
  for (std::size_t i = 0; i < words; ++i) {
    pattern[i] = static_cast<std::uint32_t>(i * 2654435761U);
  }
  const DeviceArray<std::uint32_t> from(pattern);
  DeviceArray<std::uint32_t> to(words);
  measure_rate(state, [&] { launch(shape, from.get(), to.get(), elements); });
  if (to.to_host() != pattern) {
    throw std::runtime_error("the copy differs from its source");
  }
}

void add(const char* name, const std::function<void(benchmark::State&)>& body) {
  benchmark::RegisterBenchmark(name, body)->UseManualTime()->Unit(benchmark::kMillisecond);
}

}  // namespace

void register_loop_figures(const Effort& effort) {
  const LoopShape loop{.blocks = effort.scaled(32, 4), .iterations = effort.scaled(1000, 20)};
  add("fma loop", [=](benchmark::State& state) { fma(state, loop); });
  add("integer loop", [=](benchmark::State& state) { integer(state, loop); });
  add("divergent loop", [=](benchmark::State& state) { divergent(state, loop); });
  const unsigned bytes = effort.scaled(16U << 20, 1U << 18);
  const LoopShape grid{.blocks = effort.scaled(128, 4)};
  add("copy 4 bytes",
      [=](benchmark::State& state) { copy(state, grid, launch_copy_4, bytes / 4, bytes / 4); });
  add("copy 16 bytes",
      [=](benchmark::State& state) { copy(state, grid, launch_copy_16, bytes / 4, bytes / 16); });
}

}  // namespace rackproof::bench
