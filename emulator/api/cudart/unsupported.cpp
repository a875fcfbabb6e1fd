// The exports of libcudart.so.13 that are not emulated: each answers cudaErrorNotSupported. They
// are declared without parameters, which the C calling convention allows, and apart from CUDA's
// headers.

#include "emulator/api/cudart/unsupported.hpp"

#include <cstdio>
#include <mutex>
#include <set>
#include <string>

namespace rackproof::emulator::api {

int refuse(const char* name) {
  constexpr int kNotSupported = 801;
  static std::mutex* const mutex = new std::mutex;
  static auto* const said = new std::set<std::string>;
  const std::scoped_lock lock(*mutex);
  if (said->insert(name).second) {
    std::fprintf(stderr, "rackproof emulator: %s is not emulated (cudaErrorNotSupported)\n", name);
  }
  return kNotSupported;
}

}  // namespace rackproof::emulator::api

#define RACKPROOF_REFUSE(name)                      \
  int name() {                                      \
    return rackproof::emulator::api::refuse(#name); \
  }

extern "C" {

// clang-format off
RACKPROOF_REFUSE(__cudaGetProcAddress)
RACKPROOF_REFUSE(__cudaRegisterHostVar)
RACKPROOF_REFUSE(__cudaRegisterUnifiedTable)
RACKPROOF_REFUSE(cudaArrayGetInfo)
RACKPROOF_REFUSE(cudaArrayGetMemoryRequirements)
RACKPROOF_REFUSE(cudaArrayGetPlane)
RACKPROOF_REFUSE(cudaArrayGetSparseProperties)
RACKPROOF_REFUSE(cudaCreateSurfaceObject)
RACKPROOF_REFUSE(cudaCreateTextureObject)
RACKPROOF_REFUSE(cudaDestroyExternalMemory)
RACKPROOF_REFUSE(cudaDestroyExternalSemaphore)
RACKPROOF_REFUSE(cudaDestroySurfaceObject)
RACKPROOF_REFUSE(cudaDestroyTextureObject)
RACKPROOF_REFUSE(cudaDeviceFlushGPUDirectRDMAWrites)
RACKPROOF_REFUSE(cudaDeviceGetHostAtomicCapabilities)
RACKPROOF_REFUSE(cudaDeviceGetNvSciSyncAttributes)
RACKPROOF_REFUSE(cudaDeviceGetP2PAtomicCapabilities)
RACKPROOF_REFUSE(cudaDeviceGetSharedMemConfig)
RACKPROOF_REFUSE(cudaDeviceGetTexture1DLinearMaxWidth)
RACKPROOF_REFUSE(cudaDeviceRegisterAsyncNotification)
RACKPROOF_REFUSE(cudaDeviceSetSharedMemConfig)
RACKPROOF_REFUSE(cudaDeviceUnregisterAsyncNotification)
RACKPROOF_REFUSE(cudaEGLStreamConsumerAcquireFrame)
RACKPROOF_REFUSE(cudaEGLStreamConsumerConnect)
RACKPROOF_REFUSE(cudaEGLStreamConsumerConnectWithFlags)
RACKPROOF_REFUSE(cudaEGLStreamConsumerDisconnect)
RACKPROOF_REFUSE(cudaEGLStreamConsumerReleaseFrame)
RACKPROOF_REFUSE(cudaEGLStreamProducerConnect)
RACKPROOF_REFUSE(cudaEGLStreamProducerDisconnect)
RACKPROOF_REFUSE(cudaEGLStreamProducerPresentFrame)
RACKPROOF_REFUSE(cudaEGLStreamProducerReturnFrame)
RACKPROOF_REFUSE(cudaEventCreateFromEGLSync)
RACKPROOF_REFUSE(cudaExternalMemoryGetMappedBuffer)
RACKPROOF_REFUSE(cudaExternalMemoryGetMappedMipmappedArray)
RACKPROOF_REFUSE(cudaFreeArray)
RACKPROOF_REFUSE(cudaFreeMipmappedArray)
RACKPROOF_REFUSE(cudaFuncSetSharedMemConfig)
RACKPROOF_REFUSE(cudaGLGetDevices)
RACKPROOF_REFUSE(cudaGLMapBufferObject)
RACKPROOF_REFUSE(cudaGLMapBufferObjectAsync)
RACKPROOF_REFUSE(cudaGLRegisterBufferObject)
RACKPROOF_REFUSE(cudaGLSetBufferObjectMapFlags)
RACKPROOF_REFUSE(cudaGLSetGLDevice)
RACKPROOF_REFUSE(cudaGLUnmapBufferObject)
RACKPROOF_REFUSE(cudaGLUnmapBufferObjectAsync)
RACKPROOF_REFUSE(cudaGLUnregisterBufferObject)
RACKPROOF_REFUSE(cudaGetChannelDesc)
RACKPROOF_REFUSE(cudaGetExportTable)
RACKPROOF_REFUSE(cudaGetMipmappedArrayLevel)
RACKPROOF_REFUSE(cudaGetSurfaceObjectResourceDesc)
RACKPROOF_REFUSE(cudaGetTextureObjectResourceDesc)
RACKPROOF_REFUSE(cudaGetTextureObjectResourceViewDesc)
RACKPROOF_REFUSE(cudaGetTextureObjectTextureDesc)
RACKPROOF_REFUSE(cudaGraphAddExternalSemaphoresSignalNode)
RACKPROOF_REFUSE(cudaGraphAddExternalSemaphoresWaitNode)
RACKPROOF_REFUSE(cudaGraphExecExternalSemaphoresSignalNodeSetParams)
RACKPROOF_REFUSE(cudaGraphExecExternalSemaphoresWaitNodeSetParams)
RACKPROOF_REFUSE(cudaGraphExternalSemaphoresSignalNodeGetParams)
RACKPROOF_REFUSE(cudaGraphExternalSemaphoresSignalNodeSetParams)
RACKPROOF_REFUSE(cudaGraphExternalSemaphoresWaitNodeGetParams)
RACKPROOF_REFUSE(cudaGraphExternalSemaphoresWaitNodeSetParams)
RACKPROOF_REFUSE(cudaGraphicsEGLRegisterImage)
RACKPROOF_REFUSE(cudaGraphicsGLRegisterBuffer)
RACKPROOF_REFUSE(cudaGraphicsGLRegisterImage)
RACKPROOF_REFUSE(cudaGraphicsMapResources)
RACKPROOF_REFUSE(cudaGraphicsResourceGetMappedEglFrame)
RACKPROOF_REFUSE(cudaGraphicsResourceGetMappedMipmappedArray)
RACKPROOF_REFUSE(cudaGraphicsResourceGetMappedPointer)
RACKPROOF_REFUSE(cudaGraphicsResourceSetMapFlags)
RACKPROOF_REFUSE(cudaGraphicsSubResourceGetMappedArray)
RACKPROOF_REFUSE(cudaGraphicsUnmapResources)
RACKPROOF_REFUSE(cudaGraphicsUnregisterResource)
RACKPROOF_REFUSE(cudaGraphicsVDPAURegisterOutputSurface)
RACKPROOF_REFUSE(cudaGraphicsVDPAURegisterVideoSurface)
RACKPROOF_REFUSE(cudaImportExternalMemory)
RACKPROOF_REFUSE(cudaImportExternalSemaphore)
RACKPROOF_REFUSE(cudaLibraryGetUnifiedFunction)
RACKPROOF_REFUSE(cudaLogsCurrent)
RACKPROOF_REFUSE(cudaLogsDumpToFile)
RACKPROOF_REFUSE(cudaLogsDumpToMemory)
RACKPROOF_REFUSE(cudaLogsRegisterCallback)
RACKPROOF_REFUSE(cudaLogsUnregisterCallback)
RACKPROOF_REFUSE(cudaMalloc3DArray)
RACKPROOF_REFUSE(cudaMallocArray)
RACKPROOF_REFUSE(cudaMallocMipmappedArray)
RACKPROOF_REFUSE(cudaMemDiscardAndPrefetchBatchAsync)
RACKPROOF_REFUSE(cudaMemDiscardAndPrefetchBatchAsync_ptsz)
RACKPROOF_REFUSE(cudaMemcpy2DArrayToArray)
RACKPROOF_REFUSE(cudaMemcpy2DArrayToArray_ptds)
RACKPROOF_REFUSE(cudaMemcpy2DFromArray)
RACKPROOF_REFUSE(cudaMemcpy2DFromArrayAsync)
RACKPROOF_REFUSE(cudaMemcpy2DFromArrayAsync_ptsz)
RACKPROOF_REFUSE(cudaMemcpy2DFromArray_ptds)
RACKPROOF_REFUSE(cudaMemcpy2DToArray)
RACKPROOF_REFUSE(cudaMemcpy2DToArrayAsync)
RACKPROOF_REFUSE(cudaMemcpy2DToArrayAsync_ptsz)
RACKPROOF_REFUSE(cudaMemcpy2DToArray_ptds)
RACKPROOF_REFUSE(cudaMemcpyArrayToArray)
RACKPROOF_REFUSE(cudaMemcpyArrayToArray_ptds)
RACKPROOF_REFUSE(cudaMemcpyFromArray)
RACKPROOF_REFUSE(cudaMemcpyFromArrayAsync)
RACKPROOF_REFUSE(cudaMemcpyFromArrayAsync_ptsz)
RACKPROOF_REFUSE(cudaMemcpyFromArray_ptds)
RACKPROOF_REFUSE(cudaMemcpyToArray)
RACKPROOF_REFUSE(cudaMemcpyToArrayAsync)
RACKPROOF_REFUSE(cudaMemcpyToArrayAsync_ptsz)
RACKPROOF_REFUSE(cudaMemcpyToArray_ptds)
RACKPROOF_REFUSE(cudaMipmappedArrayGetMemoryRequirements)
RACKPROOF_REFUSE(cudaMipmappedArrayGetSparseProperties)
RACKPROOF_REFUSE(cudaSignalExternalSemaphoresAsync)
RACKPROOF_REFUSE(cudaSignalExternalSemaphoresAsync_ptsz)
RACKPROOF_REFUSE(cudaVDPAUGetDevice)
RACKPROOF_REFUSE(cudaVDPAUSetVDPAUDevice)
RACKPROOF_REFUSE(cudaWaitExternalSemaphoresAsync)
RACKPROOF_REFUSE(cudaWaitExternalSemaphoresAsync_ptsz)
// clang-format on

}  // extern "C"
