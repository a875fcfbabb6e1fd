// Driver: memory pools, and advice on managed memory: the runtime's under the driver's names.

#include "emulator/api/cuda/forward.hpp"

#include <cuda.h>
#include <cuda_runtime_api.h>

using rackproof::emulator::api::forward;

namespace {

// Handles are the same; the descriptions have the same layout.
static_assert(sizeof(CUmemPoolProps) == sizeof(cudaMemPoolProps));
static_assert(sizeof(CUmemAccessDesc) == sizeof(cudaMemAccessDesc));
static_assert(sizeof(CUmemLocation) == sizeof(cudaMemLocation));

void** place(CUdeviceptr* address) {
  return reinterpret_cast<void**>(address);
}

cudaMemLocation location_of(CUmemLocation location) {
  return {static_cast<cudaMemLocationType>(location.type), location.id};
}

// Before CUDA 12.2 a device number stood for the place; -1 was the host.
CUmemLocation location_of(CUdevice device) {
  CUmemLocation location{};
  location.type = device == CU_DEVICE_CPU ? CU_MEM_LOCATION_TYPE_HOST : CU_MEM_LOCATION_TYPE_DEVICE;
  location.id = device == CU_DEVICE_CPU ? 0 : device;
  return location;
}

}  // namespace

extern "C" {

CUresult cuMemPoolCreate(CUmemoryPool* pool, const CUmemPoolProps* properties) {
  return forward("cuMemPoolCreate", [&] {
    return cudaMemPoolCreate(pool, reinterpret_cast<const cudaMemPoolProps*>(properties));
  });
}
CUresult cuMemPoolDestroy(CUmemoryPool pool) {
  return forward("cuMemPoolDestroy", [&] { return cudaMemPoolDestroy(pool); });
}
CUresult cuMemPoolTrimTo(CUmemoryPool pool, std::size_t bytes) {
  return forward("cuMemPoolTrimTo", [&] { return cudaMemPoolTrimTo(pool, bytes); });
}
CUresult cuMemPoolSetAttribute(CUmemoryPool pool, CUmemPool_attribute attribute, void* value) {
  return forward("cuMemPoolSetAttribute", [&] {
    return cudaMemPoolSetAttribute(pool, static_cast<cudaMemPoolAttr>(attribute), value);
  });
}
CUresult cuMemPoolGetAttribute(CUmemoryPool pool, CUmemPool_attribute attribute, void* value) {
  return forward("cuMemPoolGetAttribute", [&] {
    return cudaMemPoolGetAttribute(pool, static_cast<cudaMemPoolAttr>(attribute), value);
  });
}
CUresult cuMemPoolSetAccess(CUmemoryPool pool, const CUmemAccessDesc* access, std::size_t count) {
  return forward("cuMemPoolSetAccess", [&] {
    return cudaMemPoolSetAccess(pool, reinterpret_cast<const cudaMemAccessDesc*>(access), count);
  });
}
CUresult cuDeviceGetDefaultMemPool(CUmemoryPool* pool, CUdevice device) {
  return forward("cuDeviceGetDefaultMemPool",
                 [&] { return cudaDeviceGetDefaultMemPool(pool, device); });
}
CUresult cuDeviceGetMemPool(CUmemoryPool* pool, CUdevice device) {
  return forward("cuDeviceGetMemPool", [&] { return cudaDeviceGetMemPool(pool, device); });
}
CUresult cuDeviceSetMemPool(CUdevice device, CUmemoryPool pool) {
  return forward("cuDeviceSetMemPool", [&] { return cudaDeviceSetMemPool(device, pool); });
}
CUresult cuMemAllocFromPoolAsync(CUdeviceptr* address, std::size_t bytes, CUmemoryPool pool,
                                 CUstream stream) {
  return forward("cuMemAllocFromPoolAsync",
                 [&] { return cudaMallocFromPoolAsync(place(address), bytes, pool, stream); });
}
CUresult cuMemAllocAsync(CUdeviceptr* address, std::size_t bytes, CUstream stream) {
  return forward("cuMemAllocAsync", [&] { return cudaMallocAsync(place(address), bytes, stream); });
}
CUresult cuMemFreeAsync(CUdeviceptr address, CUstream stream) {
  return forward("cuMemFreeAsync",
                 [&] { return cudaFreeAsync(reinterpret_cast<void*>(address), stream); });
}

CUresult cuMemAdvise_v2(CUdeviceptr address, std::size_t bytes, CUmem_advise advice,
                        CUmemLocation location) {
  return forward("cuMemAdvise", [&] {
    return cudaMemAdvise(reinterpret_cast<void*>(address), bytes,
                         static_cast<cudaMemoryAdvise>(advice), location_of(location));
  });
}
CUresult cuMemPrefetchAsync_v2(CUdeviceptr address, std::size_t bytes, CUmemLocation location,
                               unsigned flags, CUstream stream) {
  return forward("cuMemPrefetchAsync", [&] {
    return cudaMemPrefetchAsync(reinterpret_cast<void*>(address), bytes, location_of(location),
                                flags, stream);
  });
}
#undef cuMemAdvise
CUresult cuMemAdvise(CUdeviceptr address, std::size_t bytes, CUmem_advise advice, CUdevice device) {
  return cuMemAdvise_v2(address, bytes, advice, location_of(device));
}
#undef cuMemPrefetchAsync
CUresult cuMemPrefetchAsync(CUdeviceptr address, std::size_t bytes, CUdevice device,
                            CUstream stream) {
  return cuMemPrefetchAsync_v2(address, bytes, location_of(device), 0, stream);
}

}  // extern "C"
