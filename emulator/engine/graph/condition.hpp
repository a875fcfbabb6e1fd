#pragma once
/// Condition values: kernels set them (cudaGraphSetConditional), conditional nodes read them.

#include <cuda_runtime_api.h>

#include <atomic>
#include <cstdint>
#include <memory>

namespace rackproof::emulator::engine::graph {

struct Condition {
  cudaGraphConditionalHandle handle = 0;
  std::uint32_t default_value = 0;
  bool assigns_default = false;  ///< at every launch (cudaGraphCondAssignDefault)
  bool has_node = false;
  std::atomic<std::uint32_t> value{0};

  Condition() = default;
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;
  ~Condition();
};

[[nodiscard]] std::shared_ptr<Condition> create_condition(std::uint32_t default_value,
                                                          bool assigns_default);
/// What device code calls; false: no such handle.
bool set_condition(std::uint64_t handle, std::uint32_t value);

}  // namespace rackproof::emulator::engine::graph
