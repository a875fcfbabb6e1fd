#pragma once
/// Memory of allocation nodes: an address that is fixed when the node is made, and memory behind
/// it from the execution of the allocation node to that of the free.

#include "emulator/engine/operation.hpp"
#include "emulator/memory/address_space.hpp"

#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>
#include <optional>

namespace rackproof::emulator::engine {
struct Device;
}

namespace rackproof::emulator::engine::graph {

/// One address range; it goes when no node, launch or live allocation refers to it.
struct GraphAllocation {
  int device = 0;
  void* address = nullptr;
  std::uint64_t size_bytes = 0;
  /// In the order of API calls: a launched graph has allocated it and nothing has freed it since.
  bool is_allocated_by_launch = false;

  GraphAllocation() = default;
  GraphAllocation(const GraphAllocation&) = delete;
  GraphAllocation& operator=(const GraphAllocation&) = delete;
  ~GraphAllocation();
};

/// cudaErrorMemoryAllocation: no address range left.
cudaError_t reserve(Device& device, std::uint64_t bytes,
                    std::shared_ptr<GraphAllocation>& allocation);
/// The allocation that begins at `address`; nullptr: none.
[[nodiscard]] std::shared_ptr<GraphAllocation> find_allocation(const void* address);
/// The range that contains `address`, whether memory is behind it now or not.
[[nodiscard]] std::optional<memory::Allocation> find_reserved(const void* address);
/// A free outside of graphs (cudaFree, cudaFreeAsync) was asked for.
void note_free(const void* address);
/// The memory is no longer in use: pages go back, the device keeps the bytes for later graphs.
void give_back(const void* address);

[[nodiscard]] std::unique_ptr<Operation> make_allocation(
    std::shared_ptr<GraphAllocation> allocation);
[[nodiscard]] std::unique_ptr<Operation> make_release(std::shared_ptr<GraphAllocation> allocation);

/// cudaDeviceGetGraphMemAttribute and its siblings.
[[nodiscard]] std::uint64_t memory_attribute(int device, cudaGraphMemAttributeType attribute);
void reset_high_watermark(int device, cudaGraphMemAttributeType attribute);
/// Gives what graphs hold but do not use back to the device.
void trim(Device& device);

}  // namespace rackproof::emulator::engine::graph
