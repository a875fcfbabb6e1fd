#include "emulator/device/attributes.hpp"

#include "emulator/device/occupancy.hpp"

#include <cuda.h>

#include <algorithm>
#include <cstring>

namespace rackproof::emulator::device {
namespace {

// Limits that the CUDA programming guide gives for every compute capability from 8.0 to 10.3.
constexpr int kMaxBlockDimZ = 64;
constexpr int kMaxGridDimX = 2147483647;
constexpr int kMaxGridDimYZ = 65535;
constexpr int kConstantBytes = 65536;
constexpr int kMaxPitchBytes = 2147483647;
constexpr int kTextureAlignmentBytes = 512;
constexpr int kPitchAlignmentBytes = 32;

int fp32_to_fp64_ratio(const GpuModel& gpu) {
  // CUDA programming guide, arithmetic throughput: 8.0, 9.0 and 10.0 run fp64 at half rate.
  return gpu.cc_major == 10 && gpu.cc_minor == 3 ? 64 : 2;
}

std::optional<int> known(int value) {
  return value > 0 ? std::optional(value) : std::nullopt;
}

std::optional<int> size_attribute(const GpuModel& gpu, int number) {
  switch (number) {
    case cudaDevAttrMaxThreadsPerBlock:
    case cudaDevAttrMaxBlockDimX:
    case cudaDevAttrMaxBlockDimY:
      return static_cast<int>(kMaxThreadsPerBlock);
    case cudaDevAttrMaxBlockDimZ:
      return kMaxBlockDimZ;
    case cudaDevAttrMaxGridDimX:
      return kMaxGridDimX;
    case cudaDevAttrMaxGridDimY:
    case cudaDevAttrMaxGridDimZ:
      return kMaxGridDimYZ;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      return static_cast<int>(kSharedBytesPerBlock);
    case cudaDevAttrTotalConstantMemory:
      return kConstantBytes;
    case cudaDevAttrWarpSize:
      return static_cast<int>(kWarpSize);
    case cudaDevAttrMaxPitch:
      return kMaxPitchBytes;
    case cudaDevAttrMaxRegistersPerBlock:
    case cudaDevAttrMaxRegistersPerMultiprocessor:
      return static_cast<int>(gpu.registers_per_sm);
    case cudaDevAttrClockRate:
      return known(gpu.max_sm_clock_mhz * 1000);
    case cudaDevAttrMemoryClockRate:
      return known(gpu.memory_clock_mhz * 1000);
    case cudaDevAttrMultiProcessorCount:
      return gpu.multiprocessors;
    case cudaDevAttrGlobalMemoryBusWidth:
      return gpu.memory_bus_bits;
    case cudaDevAttrL2CacheSize:
      return static_cast<int>(gpu.l2_bytes);
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      return static_cast<int>(gpu.max_threads_per_sm);
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      return static_cast<int>(gpu.shared_bytes_per_sm);
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      return static_cast<int>(gpu.shared_bytes_per_block_optin);
    case cudaDevAttrReservedSharedMemoryPerBlock:
      return static_cast<int>(kReservedSharedBytesPerBlock);
    case cudaDevAttrMaxBlocksPerMultiprocessor:
      return static_cast<int>(gpu.max_blocks_per_sm);
    case cudaDevAttrComputeCapabilityMajor:
      return gpu.cc_major;
    case cudaDevAttrComputeCapabilityMinor:
      return gpu.cc_minor;
    case cudaDevAttrSingleToDoublePrecisionPerfRatio:
      return fp32_to_fp64_ratio(gpu);
    case cudaDevAttrTextureAlignment:
    case cudaDevAttrSurfaceAlignment:
      return kTextureAlignmentBytes;
    case cudaDevAttrTexturePitchAlignment:
      return kPitchAlignmentBytes;
    case cudaDevAttrAsyncEngineCount:
      return 4;
    default:
      return std::nullopt;
  }
}

// What the emulator offers; a feature it does not implement is answered 0, as on a lesser device.
std::optional<int> feature_attribute(const RackModel& rack, int number) {
  const bool cluster = rack.gpu.cc_major >= 9;
  switch (number) {
    case cudaDevAttrGpuOverlap:
    case cudaDevAttrCanMapHostMemory:
    case cudaDevAttrConcurrentKernels:
    case cudaDevAttrUnifiedAddressing:
    case cudaDevAttrStreamPrioritiesSupported:
    case cudaDevAttrGlobalL1CacheSupported:
    case cudaDevAttrLocalL1CacheSupported:
    case cudaDevAttrManagedMemory:
    case cudaDevAttrConcurrentManagedAccess:
    case cudaDevAttrComputePreemptionSupported:
    case cudaDevAttrCanUseHostPointerForRegisteredMem:
    case cudaDevAttrHostRegisterSupported:
    case cudaDevAttrCooperativeLaunch:
    case cudaDevAttrMemoryPoolsSupported:
    case cudaDevAttrMemoryPoolSupportedHandleTypes:  // POSIX file descriptors
    case cudaDevAttrIpcEventSupport:
    case cudaDevAttrEccEnabled:
    case CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_UNIFIED_FUNCTION_POINTERS:
      return 1;
    case CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_FABRIC_SUPPORTED:
      return rack.nvlink_domain_gpus > rack.gpus_per_tray ? 1 : 0;
    case cudaDevAttrHostNativeAtomicSupported:
      return rack.host_link_is_c2c ? 1 : 0;
    case cudaDevAttrClusterLaunch:
      return cluster ? 1 : 0;
    case cudaDevAttrMemSyncDomainCount:
      return cluster ? 4 : 1;
    case cudaDevAttrHostNumaId:
    case cudaDevAttrNumaId:
      return -1;
    case cudaDevAttrComputeMode:
    case cudaDevAttrNumaConfig:
    case cudaDevAttrKernelExecTimeout:
    case cudaDevAttrIntegrated:
    case cudaDevAttrTccDriver:
    case cudaDevAttrIsMultiGpuBoard:
    case cudaDevAttrMultiGpuBoardGroupID:
    case cudaDevAttrPageableMemoryAccess:
    case cudaDevAttrPageableMemoryAccessUsesHostPageTables:
    case cudaDevAttrDirectManagedMemAccessFromHost:
    case cudaDevAttrCanFlushRemoteWrites:
    case cudaDevAttrMaxPersistingL2CacheSize:
    case cudaDevAttrMaxAccessPolicyWindowSize:
    case cudaDevAttrSparseCudaArraySupported:
    case cudaDevAttrHostRegisterReadOnlySupported:
    case cudaDevAttrTimelineSemaphoreInteropSupported:
    case cudaDevAttrGPUDirectRDMASupported:
    case cudaDevAttrGPUDirectRDMAFlushWritesOptions:
    case cudaDevAttrGPUDirectRDMAWritesOrdering:
    case cudaDevAttrDeferredMappingCudaArraySupported:
    case cudaDevAttrMpsEnabled:
    case CU_DEVICE_ATTRIBUTE_MULTICAST_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_DMA_BUF_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_WITH_CUDA_VMM_SUPPORTED:
      return 0;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<int> attribute(const RackModel& rack, const GpuIdentity& identity, int number) {
  switch (number) {
    case cudaDevAttrPciBusId:
      return static_cast<int>(identity.pci_bus);
    case cudaDevAttrPciDeviceId:
      return static_cast<int>(identity.pci_device);
    case cudaDevAttrPciDomainId:
      return static_cast<int>(identity.pci_domain);
    default:
      break;
  }
  // Textures and surfaces are refused: their largest extent is 0.
  const bool texture =
      (number >= cudaDevAttrMaxTexture1DWidth && number <= cudaDevAttrMaxTexture2DLayeredLayers) ||
      (number >= cudaDevAttrMaxTexture1DLayeredWidth &&
       number <= cudaDevAttrMaxTexture3DDepthAlt) ||
      (number >= cudaDevAttrMaxTextureCubemapWidth &&
       number <= cudaDevAttrMaxTexture2DMipmappedHeight) ||
      number == cudaDevAttrMaxTexture1DMipmappedWidth;
  if (texture) {
    return 0;
  }
  const auto size = size_attribute(rack.gpu, number);
  return size ? size : feature_attribute(rack, number);
}

cudaDeviceProp properties(const RackModel& rack, const GpuIdentity& identity) {
  const auto value = [&](int number) { return attribute(rack, identity, number).value_or(0); };
  const auto bytes = [&](int number) { return static_cast<std::size_t>(value(number)); };
  cudaDeviceProp prop{};
  identity.name.copy(prop.name, sizeof prop.name - 1);
  std::memcpy(prop.uuid.bytes, identity.uuid.data(), identity.uuid.size());
  prop.totalGlobalMem = rack.gpu.memory_bytes;
  prop.sharedMemPerBlock = bytes(cudaDevAttrMaxSharedMemoryPerBlock);
  prop.regsPerBlock = value(cudaDevAttrMaxRegistersPerBlock);
  prop.warpSize = value(cudaDevAttrWarpSize);
  prop.memPitch = bytes(cudaDevAttrMaxPitch);
  prop.maxThreadsPerBlock = value(cudaDevAttrMaxThreadsPerBlock);
  prop.maxThreadsDim[0] = value(cudaDevAttrMaxBlockDimX);
  prop.maxThreadsDim[1] = value(cudaDevAttrMaxBlockDimY);
  prop.maxThreadsDim[2] = value(cudaDevAttrMaxBlockDimZ);
  prop.maxGridSize[0] = value(cudaDevAttrMaxGridDimX);
  prop.maxGridSize[1] = value(cudaDevAttrMaxGridDimY);
  prop.maxGridSize[2] = value(cudaDevAttrMaxGridDimZ);
  prop.totalConstMem = bytes(cudaDevAttrTotalConstantMemory);
  prop.major = rack.gpu.cc_major;
  prop.minor = rack.gpu.cc_minor;
  prop.textureAlignment = bytes(cudaDevAttrTextureAlignment);
  prop.texturePitchAlignment = bytes(cudaDevAttrTexturePitchAlignment);
  prop.surfaceAlignment = bytes(cudaDevAttrSurfaceAlignment);
  prop.multiProcessorCount = rack.gpu.multiprocessors;
  prop.canMapHostMemory = value(cudaDevAttrCanMapHostMemory);
  prop.concurrentKernels = value(cudaDevAttrConcurrentKernels);
  prop.ECCEnabled = value(cudaDevAttrEccEnabled);
  prop.pciBusID = value(cudaDevAttrPciBusId);
  prop.pciDeviceID = value(cudaDevAttrPciDeviceId);
  prop.pciDomainID = value(cudaDevAttrPciDomainId);
  prop.asyncEngineCount = value(cudaDevAttrAsyncEngineCount);
  prop.unifiedAddressing = value(cudaDevAttrUnifiedAddressing);
  prop.memoryBusWidth = rack.gpu.memory_bus_bits;
  prop.l2CacheSize = value(cudaDevAttrL2CacheSize);
  prop.maxThreadsPerMultiProcessor = value(cudaDevAttrMaxThreadsPerMultiProcessor);
  prop.streamPrioritiesSupported = value(cudaDevAttrStreamPrioritiesSupported);
  prop.globalL1CacheSupported = value(cudaDevAttrGlobalL1CacheSupported);
  prop.localL1CacheSupported = value(cudaDevAttrLocalL1CacheSupported);
  prop.sharedMemPerMultiprocessor = rack.gpu.shared_bytes_per_sm;
  prop.regsPerMultiprocessor = value(cudaDevAttrMaxRegistersPerMultiprocessor);
  prop.managedMemory = value(cudaDevAttrManagedMemory);
  prop.hostNativeAtomicSupported = value(cudaDevAttrHostNativeAtomicSupported);
  prop.concurrentManagedAccess = value(cudaDevAttrConcurrentManagedAccess);
  prop.computePreemptionSupported = value(cudaDevAttrComputePreemptionSupported);
  prop.canUseHostPointerForRegisteredMem = value(cudaDevAttrCanUseHostPointerForRegisteredMem);
  prop.cooperativeLaunch = value(cudaDevAttrCooperativeLaunch);
  prop.sharedMemPerBlockOptin = rack.gpu.shared_bytes_per_block_optin;
  prop.maxBlocksPerMultiProcessor = value(cudaDevAttrMaxBlocksPerMultiprocessor);
  prop.reservedSharedMemPerBlock = bytes(cudaDevAttrReservedSharedMemoryPerBlock);
  prop.hostRegisterSupported = value(cudaDevAttrHostRegisterSupported);
  prop.memoryPoolsSupported = value(cudaDevAttrMemoryPoolsSupported);
  prop.memoryPoolSupportedHandleTypes =
      static_cast<unsigned>(value(cudaDevAttrMemoryPoolSupportedHandleTypes));
  prop.ipcEventSupported = value(cudaDevAttrIpcEventSupport);
  prop.clusterLaunch = value(cudaDevAttrClusterLaunch);
  prop.unifiedFunctionPointers = value(CU_DEVICE_ATTRIBUTE_UNIFIED_FUNCTION_POINTERS);
  prop.deviceNumaId = value(cudaDevAttrNumaId);
  prop.hostNumaId = value(cudaDevAttrHostNumaId);
  return prop;
}

}  // namespace rackproof::emulator::device
