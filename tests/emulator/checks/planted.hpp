#pragma once
/// Kernels with one planted fault each, and beside each the same kernel without it.

#include <cuda_runtime_api.h>

#include <vector>

namespace rackproof::test {

struct Planted {
  const char* name;
  const char* what;      ///< the fault, for the table in docs/planted-faults.md
  const char* expected;  ///< part of the line on stderr; nullptr: known to be missed
  /// Launches the faulty or the correct form; `memory` is 64 KiB of zeros on the device.
  void (*run)(bool is_correct, int* memory);
  bool is_in_kernel = true;  ///< then the line names its place
  /// How often the faulty form may be tried: the host is not seen while a grid is at its memory.
  int attempts = 1;
};

[[nodiscard]] const std::vector<Planted>& shared_memory_faults();
[[nodiscard]] const std::vector<Planted>& global_memory_faults();
[[nodiscard]] const std::vector<Planted>& address_faults();
[[nodiscard]] const std::vector<Planted>& synchronisation_faults();
[[nodiscard]] const std::vector<Planted>& async_proxy_faults();
[[nodiscard]] const std::vector<Planted>& progress_faults();
[[nodiscard]] const std::vector<Planted>& operation_faults();
[[nodiscard]] const std::vector<Planted>& host_memory_faults();

/// How long a kernel that waits for so many clocks has waited.
[[nodiscard]] long long clocks_waited(long long clocks);

}  // namespace rackproof::test

/// A case of a kernel template over is_correct.
#define RACKPROOF_PLANTED(kernel, what, expected, ...)                              \
  {                                                                                 \
#kernel, what, expected, [](bool is_correct, int* memory) {                       \
      is_correct ? kernel<true><<<__VA_ARGS__>>>(memory) : kernel<false><<<__VA_ARGS__>>>(memory); \
    } \
  }
