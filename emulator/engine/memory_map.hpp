#pragma once
/// Allocations by kind: what cudaMalloc, cudaMallocHost, cudaHostRegister, cudaMallocManaged and
/// IPC handed out. Everything is also registered with the address space that kernels are judged by.

#include "emulator/memory/address_space.hpp"

#include <cuda_runtime_api.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace rackproof::emulator::engine {

struct Device;

/// Names an allocation of another process: the content of a cudaIpcMemHandle_t.
struct SharedMemoryName {
  std::uint64_t magic = 0;
  std::int32_t process = 0;
  std::int32_t file = -1;
  std::uint64_t offset = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t process_start = 0;  ///< tells a reused process id from the old one
};
static_assert(sizeof(SharedMemoryName) <= CUDA_IPC_HANDLE_SIZE);

/// All functions answer CUDA's error codes. Thread-safe.
class MemoryMap {
 public:
  cudaError_t allocate_device(Device& device, void** address, std::uint64_t bytes);
  /// Memory that a pool has charged the device for.
  cudaError_t allocate_pooled(Device& device, void** address, std::uint64_t bytes);
  /// Memory of a graph's allocation node, from now until free_device().
  void adopt_graph_memory(Device& device, void* address, std::uint64_t bytes);
  /// Also frees managed memory, as cudaFree does.
  cudaError_t free_device(void* address);

  cudaError_t allocate_host(void** address, std::uint64_t bytes, unsigned flags, int device);
  cudaError_t free_host(void* address);
  cudaError_t register_host(void* address, std::uint64_t bytes, unsigned flags, int device);
  cudaError_t unregister_host(void* address);
  /// Flags of pinned or registered memory; nullopt: it is neither.
  [[nodiscard]] std::optional<unsigned> host_flags(const void* address) const;

  /// An asynchronous copy is about to be enqueued: until the host knows it done, the program's own
  /// accesses are judged if this is pinned memory.
  void watch_copy(const void* address, std::uint64_t bytes, bool is_written);

  cudaError_t allocate_managed(void** address, std::uint64_t bytes, int device);

  cudaError_t export_shared(const void* address, SharedMemoryName& name) const;
  cudaError_t import_shared(const SharedMemoryName& name, void** address, int device);
  cudaError_t close_shared(void* address);
  /// Maps a range of another process's device memory file; free_device() unmaps it.
  cudaError_t import_file(int file, std::uint64_t offset, std::uint64_t bytes, int device,
                          void** address);

  /// The live allocation that contains `address`.
  [[nodiscard]] static std::optional<memory::Allocation> find(const void* address);

  /// Frees what a device holds (cudaDeviceReset).
  void free_all(Device& device);

 private:
  enum class Owner : std::uint8_t {
    heap,
    pool,
    pool_import,
    graph,
    host,
    registered,
    managed,
    imported
  };
  struct Entry {
    Owner owner = Owner::heap;
    std::uint64_t size_bytes = 0;
    int device = 0;
    unsigned flags = 0;
    void* mapping = nullptr;  // imported: what munmap needs
    std::uint64_t mapping_bytes = 0;
    int references = 1;
    SharedMemoryName name = {};
  };
  void insert(void* address, Entry entry, memory::Kind kind);
  cudaError_t map_file(int file, std::uint64_t offset, std::uint64_t bytes, Entry entry,
                       void** address);
  std::optional<Entry> take(void* address, std::initializer_list<Owner> owners);

  mutable std::mutex mutex_;
  std::map<std::uintptr_t, Entry> entries_;
  std::uint64_t next_id_ = 1;
};

/// Opens file descriptor `file` of process `process` (same user); -1 on failure. Caller closes.
[[nodiscard]] int open_file_of(std::int32_t process, std::int32_t file);
/// Start time of a process in clock ticks (proc(5), stat field 22); 0: no such process.
[[nodiscard]] std::uint64_t process_start_ticks(std::int32_t process);

}  // namespace rackproof::emulator::engine
