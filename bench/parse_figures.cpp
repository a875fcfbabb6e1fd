// The PTX parser on the text of the project's own GEMM and attention kernels.
#include "bench/check.hpp"
#include "bench/figures.hpp"
#include "bench/stopwatch.hpp"
#include "emulator/ptx/parser.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

namespace rackproof::bench {
namespace {

/// RACKPROOF_BENCH_PTX: files separated by commas.
std::vector<std::string> texts() {
  std::vector<std::string> result;
  std::string paths = RACKPROOF_BENCH_PTX;
  for (std::size_t begin = 0; begin < paths.size();) {
    const std::size_t end = std::min(paths.find(',', begin), paths.size());
    std::ifstream file(paths.substr(begin, end - begin), std::ios::binary);
    result.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    if (result.back().empty()) {
      throw std::runtime_error("cannot read " + paths.substr(begin, end - begin));
    }
    begin = end + 1;
  }
  return result;
}

void parse(benchmark::State& state) {
  const std::vector<std::string> modules = texts();
  double best = 0;
  for (auto _ : state) {
    std::size_t bytes = 0;
    std::size_t instructions = 0;
    const Stopwatch stopwatch;
    for (const std::string& text : modules) {
      const emulator::ptx::Module module = emulator::ptx::parse(text, "bench.ptx");
      bytes += text.size();
      for (const auto& function : module.functions) {
        instructions += function.body.size();
      }
    }
    const double seconds = stopwatch.seconds();
    state.SetIterationTime(seconds);
    if (instructions == 0) {
      throw std::runtime_error("the parsed modules hold no instructions");
    }
    best = std::max(best, static_cast<double>(bytes) / seconds * 1e-6);
  }
  state.counters[kFigureCounter] = best;
}

}  // namespace

void register_parse_figures(const Effort&) {
  benchmark::RegisterBenchmark("PTX parse", parse)->UseManualTime()->Unit(benchmark::kMillisecond);
}

}  // namespace rackproof::bench
