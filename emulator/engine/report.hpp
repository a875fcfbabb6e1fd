#pragma once
/// What the emulator writes for people and programs: the trace and the counters.

#include "emulator/engine/collective_hook.hpp"
#include "emulator/exec/counters.hpp"
#include "emulator/exec/grid.hpp"

#include <cstdint>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>

namespace rackproof::emulator::engine {

struct FinishedKernel {
  std::string name;
  int device = 0;
  exec::Dim3 grid;
  exec::Dim3 block;
  std::uint32_t dynamic_shared_bytes = 0;
  TimePs start_ps = 0;
  TimePs end_ps = 0;
};

/// Thread-safe. Empty file names switch the outputs off.
class Report {
 public:
  Report(const std::string& trace_file, std::string counters_file);

  /// One line per API call: "api cudaMalloc cudaSuccess".
  void call(const char* name, cudaError_t result);
  void kernel_finished(const FinishedKernel& kernel, const exec::GridCounters& counters);
  void operation_finished(const std::string& name, int device, TimePs start, TimePs end);
  [[nodiscard]] bool is_tracing() const { return trace_ != nullptr; }

  /// Sums over kernels that have finished.
  struct Totals {
    std::uint64_t launches = 0;
    TimePs modelled_ps = 0;
    exec::GridCounters counters;
  };
  /// Over all kernels of this process.
  [[nodiscard]] Totals totals();

  /// Writes the counters to a temporary file and renames it; called at exit.
  void write_counters();

 private:
  std::mutex mutex_;
  std::FILE* trace_ = nullptr;
  std::string counters_file_;
  std::map<std::string, Totals> kernels_;  ///< by name
};

}  // namespace rackproof::emulator::engine
