#pragma once
/// Virtual memory management (cuMem*): physical allocations, address ranges, and mappings that
/// other processes share by file descriptor or by fabric handle.

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstdint>

namespace rackproof::emulator::engine {

/// Allocation granularity of device memory.
inline constexpr std::uint64_t kVmmGranularityBytes = 2ULL << 20U;

/// Content of a CUmemFabricHandle: names memory of any process of this host, since the trays of an
/// emulated rack are processes of one machine.
struct FabricName {
  std::uint64_t magic = 0;
  std::int32_t process = 0;
  std::int32_t file = -1;
  std::uint64_t size_bytes = 0;
  std::uint64_t process_start = 0;
};
static_assert(sizeof(FabricName) <= sizeof(CUmemFabricHandle));

/// Where physical memory lies and how it may be shared.
struct VmmProperties {
  int device = 0;             ///< owner; of host memory the device that imported or made it
  bool is_host = false;       ///< CU_MEM_LOCATION_TYPE_HOST or HOST_NUMA
  unsigned handle_types = 0;  ///< CUmemAllocationHandleType, or-ed
};

/// All answer CUDA's error codes. Thread-safe.
cudaError_t vmm_create(std::uint64_t bytes, const VmmProperties& properties,
                       CUmemGenericAllocationHandle* handle);
cudaError_t vmm_release(CUmemGenericAllocationHandle handle);
cudaError_t vmm_reserve(std::uint64_t bytes, std::uint64_t alignment, CUdeviceptr* address);
cudaError_t vmm_free(CUdeviceptr address, std::uint64_t bytes);
cudaError_t vmm_map(CUdeviceptr address, std::uint64_t bytes, std::uint64_t offset,
                    CUmemGenericAllocationHandle handle);
cudaError_t vmm_unmap(CUdeviceptr address, std::uint64_t bytes);
/// Who may access a mapping: bit d for device d, and the host.
inline constexpr std::uint64_t kVmmHost = std::uint64_t{1} << 63U;
/// Lets in `granted`, shuts out `revoked`, leaves the others as they are.
cudaError_t vmm_set_access(CUdeviceptr address, std::uint64_t bytes, std::uint64_t granted,
                           std::uint64_t revoked);
cudaError_t vmm_export_file(CUmemGenericAllocationHandle handle, int* file);
cudaError_t vmm_import_file(int file, int device, CUmemGenericAllocationHandle* handle);
cudaError_t vmm_export_fabric(CUmemGenericAllocationHandle handle, FabricName& name);
cudaError_t vmm_import_fabric(const FabricName& name, int device,
                              CUmemGenericAllocationHandle* handle);
/// The handle behind a mapped address, with one more reference.
cudaError_t vmm_retain(const void* address, CUmemGenericAllocationHandle* handle);
cudaError_t vmm_properties(CUmemGenericAllocationHandle handle, VmmProperties& properties);
/// Whom cuMemSetAccess has let into the mapping that contains `address`.
cudaError_t vmm_get_access(CUdeviceptr address, std::uint64_t& who);

}  // namespace rackproof::emulator::engine
