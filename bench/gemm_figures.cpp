// Matrix products: seconds. Operands are small integers, so that every sum is exact.
#include "bench/check.hpp"
#include "bench/figures.hpp"
#include "bench/kernels.hpp"
#include "bench/stopwatch.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

namespace rackproof::bench {
namespace {

void measure_seconds(benchmark::State& state, const std::function<void()>& launch) {
  double best = std::numeric_limits<double>::infinity();
  for (auto _ : state) {
    const Stopwatch stopwatch;
    launch();
    check(cudaDeviceSynchronize(), "a timed kernel");
    const double seconds = stopwatch.seconds();
    state.SetIterationTime(seconds);
    best = std::min(best, seconds);
  }
  state.counters[kFigureCounter] = best;
}

/// -4 to 4, without a pattern that a transposed or shifted index would keep.
float element(std::size_t row, std::size_t column) {
  const std::size_t hash = (row * 131 + column * 71 + row * column) % 9;
  return static_cast<float>(hash) - 4;
}

/// Compares every 37th element of `c` with the sum of a(row, k) * b(k, column).
template <typename A, typename B>
void verify(const std::vector<float>& c, unsigned n, A a, B b, const char* what) {
  for (std::size_t at = 0; at < c.size(); at += 37) {
    float expected = 0;
    for (std::size_t k = 0; k < n; ++k) {
      expected += a(at / n, k) * b(k, at % n);
    }
    expect_equal(c[at], expected, what);
  }
}

void tiled_gemm(benchmark::State& state, unsigned n) {
  std::vector<float> a(std::size_t{n} * n);
  std::vector<float> b(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = element(i / n, i % n);
    b[i] = element(i % n, i / n + 1);
  }
  const DeviceArray<float> device_a(a);
  const DeviceArray<float> device_b(b);
  DeviceArray<float> c(a.size());
  measure_seconds(state, [&] { launch_tiled_gemm(n, device_a.get(), device_b.get(), c.get()); });
  verify(
      c.to_host(), n, [](std::size_t i, std::size_t k) { return element(i, k); },
      [](std::size_t k, std::size_t j) { return element(j, k + 1); }, "tiled GEMM");
}

void mma_gemm(benchmark::State& state, unsigned n) {
  const auto to_bf16 = [](float value) {
    return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
  };
  std::vector<std::uint16_t> a(std::size_t{n} * n);
  std::vector<std::uint16_t> b(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = to_bf16(element(i / n, i % n));
    b[i] = to_bf16(element(i / n, i % n + 1));
  }
  const DeviceArray<std::uint16_t> device_a(a);
  const DeviceArray<std::uint16_t> device_b(b);
  DeviceArray<float> c(a.size());
  measure_seconds(state, [&] { launch_mma_gemm(n, device_a.get(), device_b.get(), c.get()); });
  verify(
      c.to_host(), n, [](std::size_t i, std::size_t k) { return element(i, k); },
      [](std::size_t k, std::size_t j) { return element(j, k + 1); }, "mma.sync GEMM");
}

}  // namespace

void register_gemm_figures(const Effort& effort) {
  const unsigned tiled = effort.scaled(512, 64);
  const unsigned mma = effort.scaled(1024, 128);
  const auto add = [](const char* name, const std::function<void(benchmark::State&)>& body) {
    benchmark::RegisterBenchmark(name, body)->UseManualTime()->Unit(benchmark::kMillisecond);
  };
  add("tiled fp32 GEMM 512^3", [=](benchmark::State& state) { tiled_gemm(state, tiled); });
  add("mma.sync bf16 GEMM 1024^3", [=](benchmark::State& state) { mma_gemm(state, mma); });
}

}  // namespace rackproof::bench
