#pragma once
/// Stream-ordered memory: pools, what they hold, who may use it, and pools of other processes
/// (CUDA programming guide, "Stream Ordered Memory Allocator"). cudaMemPool_t points to a pool.

#include "emulator/engine/stream.hpp"

#include <cuda_runtime_api.h>

#include <cstdint>

namespace rackproof::emulator::engine {

struct Device;
struct Pool;

/// All functions answer CUDA's error codes and are thread-safe.
[[nodiscard]] Pool* default_pool(int device);
[[nodiscard]] Pool* current_pool(int device);
cudaError_t set_current_pool(int device, Pool* pool);
[[nodiscard]] bool is_pool(const Pool* pool);
[[nodiscard]] int pool_device(const Pool* pool);

cudaError_t create_pool(const cudaMemPoolProps& properties, Pool** pool);
/// Memory that is in use stays until it is freed; the handle is invalid at once.
cudaError_t destroy_pool(Pool* pool);
cudaError_t get_attribute(Pool* pool, cudaMemPoolAttr attribute, void* value);
cudaError_t set_attribute(Pool* pool, cudaMemPoolAttr attribute, const void* value);
/// Gives back what is not in use beyond `bytes_to_keep`.
cudaError_t trim_pool(Pool* pool, std::uint64_t bytes_to_keep);
cudaError_t set_access(Pool* pool, const cudaMemAccessDesc* access, std::size_t count);
cudaError_t get_access(Pool* pool, const cudaMemLocation& location, cudaMemAccessFlags* flags);

/// Memory for use behind what `stream` holds now.
cudaError_t allocate_from(Pool* pool, Stream& stream, std::uint64_t bytes, void** address);
/// An allocation of a pool has been freed.
void note_pool_free(const void* address);
/// What a synchronisation does: pools keep no more than their release threshold.
void release_unused(Device& device);

/// POSIX file descriptors for other processes; the pool must be made for them.
cudaError_t export_pool(Pool* pool, int* file);
cudaError_t import_pool(int file, int device, Pool** pool);
cudaError_t export_pointer(const void* address, cudaMemPoolPtrExportData* data);
cudaError_t import_pointer(Pool* pool, const cudaMemPoolPtrExportData& data, void** address);

}  // namespace rackproof::emulator::engine
