/// emulator_bench: how fast the emulator runs on this host, against the targets.
///   emulator_bench            measures everything; exit code 1 if a target is missed
///   emulator_bench --smoke    runs every benchmark briefly; only that it works counts
///   emulator_bench --measure [Google Benchmark's options]   one process's measurement, as it is
///
/// The emulator reads its settings once a process, so that each column is a process of its own.

#include "bench/figures.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace rackproof::bench {
namespace {

/// Hands the figures to the process that compares them: "name<TAB>value" a line.
class FigureReporter final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (const auto found = run.counters.find(kFigureCounter); found != run.counters.end()) {
        std::printf("%s\t%.9g\n", run.run_name.function_name.c_str(), double{found->second});
        std::fflush(stdout);
      }
    }
  }
};

int measure(int argc, char** argv, bool smoke, bool for_runner) {
  const Effort effort{smoke};
  register_loop_figures(effort);
  register_gemm_figures(effort);
  register_parse_figures(effort);
  register_process_figures(effort);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
    return 2;
  }
  if (for_runner) {
    FigureReporter reporter;
    benchmark::RunSpecifiedBenchmarks(&reporter);
  } else {
    benchmark::RunSpecifiedBenchmarks();
  }
  return 0;
}

struct Setting {
  const char* checks;
  const char* threads;
  const char* filter;
};

/// Runs this program again under `setting`; throws if it fails.
Values measure_with(const Setting& setting, bool smoke) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) {
    throw std::runtime_error("no pipe");
  }
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    setenv("EMULATOR_CHECKS", setting.checks, 1);
    setenv("RACKPROOF_EMULATOR_THREADS", setting.threads, 1);
    setenv("LD_LIBRARY_PATH", RACKPROOF_BENCH_LIBRARIES, 1);
    const std::string filter = std::string("--benchmark_filter=") + setting.filter;
    const char* const min_time = smoke ? "--benchmark_min_time=0" : "--benchmark_min_time=1";
    execl("/proc/self/exe", "emulator_bench", smoke ? "--figures-smoke" : "--figures", min_time,
          filter.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  close(ends[1]);
  Values values;
  FILE* const lines = fdopen(ends[0], "r");
  std::array<char, 256> line{};
  while (std::fgets(line.data(), line.size(), lines) != nullptr) {
    if (const char* const tab = std::strchr(line.data(), '\t'); tab != nullptr) {
      values[std::string(line.data(), static_cast<std::size_t>(tab - line.data()))] =
          std::strtod(tab + 1, nullptr);
    }
  }
  std::fclose(lines);
  int status = -1;
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
    throw std::runtime_error(std::string("the measurement with checks ") + setting.checks +
                             " and " + setting.threads + " threads failed");
  }
  return values;
}

std::string processor_name() {
  std::string name = "an unknown processor";
  if (FILE* const file = std::fopen("/proc/cpuinfo", "r"); file != nullptr) {
    std::array<char, 256> line{};
    while (std::fgets(line.data(), line.size(), file) != nullptr) {
      if (std::strncmp(line.data(), "model name", 10) == 0) {
        name = std::strchr(line.data(), ':') + 2;
        name.erase(name.find_last_not_of('\n') + 1);
        break;
      }
    }
    std::fclose(file);
  }
  return name;
}

int compare(bool smoke) {
  constexpr const char* kAll = ".";
  constexpr const char* kKernels = "loop|copy|GEMM";
  const Values off = measure_with({"off", "1", kAll}, smoke);
  const Values on = measure_with({"on", "1", kKernels}, smoke);
  const Values two = measure_with({"off", "2", kKernels}, smoke);
  std::printf("%s\n", processor_name().c_str());
  const bool met = print_comparison(off, on, two);
  if (smoke) {
    const std::size_t kernels = two.size();
    const bool complete = off.size() == figures().size() && kernels == 7 && on.size() == kernels;
    std::printf("smoke run: every benchmark %s\n", complete ? "ran" : "did NOT run");
    return complete ? 0 : 1;
  }
  std::printf("%s\n", met ? "all targets met" : "some targets are missed");
  return met ? 0 : 1;
}

}  // namespace
}  // namespace rackproof::bench

int main(int argc, char** argv) {
  using namespace rackproof::bench;
  const std::string mode = argc > 1 ? argv[1] : "";
  try {
    if (mode.empty() || mode == "--smoke") {
      return compare(!mode.empty());
    }
    if (mode == "--measure" || mode == "--figures" || mode == "--figures-smoke") {
      argv[1] = argv[0];
      return measure(argc - 1, argv + 1, mode == "--figures-smoke", mode != "--measure");
    }
  } catch (const std::exception& error) {
    std::cerr << "emulator_bench: " << error.what() << "\n";
    return 1;
  }
  std::cerr << "usage: emulator_bench [--smoke | --measure [--benchmark_...]]\n";
  return 2;
}
