// Driver: pitched memory, and copies and fills of two and three dimensions.

#include "emulator/api/cuda/driver_call.hpp"
#include "emulator/engine/memory_map.hpp"
#include "emulator/engine/transfer.hpp"

#include <cuda.h>

#include <algorithm>

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::driver_call;
using engine::Core;

namespace {

constexpr std::size_t kPitchAlignmentBytes = 512;

/// One side of a copy: where row 0, column 0 of the box lies.
struct Side {
  CUmemorytype type = CU_MEMORYTYPE_HOST;
  void* host = nullptr;
  CUdeviceptr device = 0;
  std::size_t x_bytes = 0;
  std::size_t y = 0;
  std::size_t z = 0;
  std::size_t pitch = 0;
  std::size_t slice_rows = 0;
};

cudaError_t resolve(const Side& side, std::size_t width, std::byte** address) {
  if (side.type == CU_MEMORYTYPE_ARRAY) {
    return cudaErrorNotSupported;
  }
  const bool is_host = side.type == CU_MEMORYTYPE_HOST;
  auto* const base =
      is_host ? static_cast<std::byte*>(side.host) : reinterpret_cast<std::byte*>(side.device);
  const std::size_t pitch = side.pitch == 0 ? side.x_bytes + width : side.pitch;
  if (base == nullptr || pitch < side.x_bytes + width) {
    return cudaErrorInvalidValue;
  }
  *address = base + (side.z * side.slice_rows + side.y) * pitch + side.x_bytes;
  return cudaSuccess;
}

cudaMemcpyKind kind_of(CUmemorytype from, CUmemorytype to) {
  if (from == CU_MEMORYTYPE_UNIFIED || to == CU_MEMORYTYPE_UNIFIED) {
    return cudaMemcpyDefault;
  }
  const bool from_host = from == CU_MEMORYTYPE_HOST;
  const bool to_host = to == CU_MEMORYTYPE_HOST;
  return from_host ? to_host ? cudaMemcpyHostToHost : cudaMemcpyHostToDevice
         : to_host ? cudaMemcpyDeviceToHost
                   : cudaMemcpyDeviceToDevice;
}

CUresult copy_box(const char* name, const Side& from, const Side& to, std::size_t width,
                  std::size_t rows, std::size_t slices, CUstream handle, bool is_synchronous) {
  return driver_call(name, [&](Core&) {
    engine::Stream* const stream = engine::resolve_stream(handle);
    if (stream == nullptr) {
      return cudaErrorInvalidResourceHandle;
    }
    std::byte* source = nullptr;
    std::byte* destination = nullptr;
    if (const cudaError_t error = resolve(from, width, &source); error != cudaSuccess) {
      return error;
    }
    if (const cudaError_t error = resolve(to, width, &destination); error != cudaSuccess) {
      return error;
    }
    const auto pitch = [&](const Side& side) {
      return side.pitch == 0 ? side.x_bytes + width : side.pitch;
    };
    return engine::copy(destination, source,
                        {.width_bytes = width,
                         .rows = rows,
                         .slices = slices,
                         .source_pitch = pitch(from),
                         .destination_pitch = pitch(to),
                         .source_slice_rows = from.slice_rows,
                         .destination_slice_rows = to.slice_rows},
                        kind_of(from.type, to.type), *stream, is_synchronous);
  });
}

CUresult copy_2d(const char* name, const CUDA_MEMCPY2D* box, CUstream stream, bool is_synchronous) {
  if (box == nullptr) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  const Side from{box->srcMemoryType, const_cast<void*>(box->srcHost),
                  box->srcDevice,     box->srcXInBytes,
                  box->srcY,          0,
                  box->srcPitch,      0};
  const Side to{box->dstMemoryType, box->dstHost,
                box->dstDevice,     box->dstXInBytes,
                box->dstY,          0,
                box->dstPitch,      0};
  return copy_box(name, from, to, box->WidthInBytes, box->Height, 1, stream, is_synchronous);
}

CUresult copy_3d(const char* name, const CUDA_MEMCPY3D* box, CUstream stream, bool is_synchronous) {
  if (box == nullptr) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  const Side from{box->srcMemoryType, const_cast<void*>(box->srcHost),
                  box->srcDevice,     box->srcXInBytes,
                  box->srcY,          box->srcZ,
                  box->srcPitch,      box->srcHeight == 0 ? box->Height : box->srcHeight};
  const Side to{box->dstMemoryType, box->dstHost,
                box->dstDevice,     box->dstXInBytes,
                box->dstY,          box->dstZ,
                box->dstPitch,      box->dstHeight == 0 ? box->Height : box->dstHeight};
  return copy_box(name, from, to, box->WidthInBytes, box->Height, box->Depth, stream,
                  is_synchronous);
}

CUresult fill_2d(const char* name, CUdeviceptr to, std::size_t pitch, std::uint32_t value,
                 std::size_t element_bytes, std::size_t width, std::size_t height, CUstream handle,
                 bool is_synchronous) {
  return driver_call(name, [&](Core&) {
    engine::Stream* const stream = engine::resolve_stream(handle);
    return stream == nullptr ? cudaErrorInvalidResourceHandle
                             : engine::fill(reinterpret_cast<void*>(to), value,
                                            {.width_elements = width,
                                             .rows = height,
                                             .pitch_bytes = pitch,
                                             .element_bytes = element_bytes},
                                            *stream, is_synchronous);
  });
}

CUresult copy_peer(const char* name, CUdeviceptr to, CUdeviceptr from, std::size_t bytes,
                   CUstream handle, bool is_synchronous) {
  return driver_call(name, [&](Core&) {
    engine::Stream* const stream = engine::resolve_stream(handle);
    return stream == nullptr
               ? cudaErrorInvalidResourceHandle
               : engine::copy(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from),
                              {.width_bytes = bytes}, cudaMemcpyDefault, *stream, is_synchronous);
  });
}

}  // namespace

extern "C" {

CUresult cuMemAllocPitch(CUdeviceptr* address, std::size_t* pitch, std::size_t width_bytes,
                         std::size_t height, unsigned element_bytes) {
  return driver_call("cuMemAllocPitch", [&](Core& core) {
    const bool is_element = element_bytes == 4 || element_bytes == 8 || element_bytes == 16;
    if (address == nullptr || pitch == nullptr || width_bytes == 0 || height == 0 || !is_element) {
      return cudaErrorInvalidValue;
    }
    *pitch = (width_bytes + kPitchAlignmentBytes - 1) / kPitchAlignmentBytes * kPitchAlignmentBytes;
    return core.memory().allocate_device(engine::current_device(),
                                         reinterpret_cast<void**>(address), *pitch * height);
  });
}

CUresult cuMemcpy2D(const CUDA_MEMCPY2D* box) {
  return copy_2d("cuMemcpy2D", box, nullptr, true);
}
CUresult cuMemcpy2DUnaligned(const CUDA_MEMCPY2D* box) {
  return copy_2d("cuMemcpy2DUnaligned", box, nullptr, true);
}
CUresult cuMemcpy2DAsync(const CUDA_MEMCPY2D* box, CUstream stream) {
  return copy_2d("cuMemcpy2DAsync", box, stream, false);
}
CUresult cuMemcpy3D(const CUDA_MEMCPY3D* box) {
  return copy_3d("cuMemcpy3D", box, nullptr, true);
}
CUresult cuMemcpy3DAsync(const CUDA_MEMCPY3D* box, CUstream stream) {
  return copy_3d("cuMemcpy3DAsync", box, stream, false);
}
CUresult cuMemcpyPeer(CUdeviceptr to, CUcontext /*to_context*/, CUdeviceptr from,
                      CUcontext /*from_context*/, std::size_t bytes) {
  return copy_peer("cuMemcpyPeer", to, from, bytes, nullptr, true);
}
CUresult cuMemcpyPeerAsync(CUdeviceptr to, CUcontext /*to_context*/, CUdeviceptr from,
                           CUcontext /*from_context*/, std::size_t bytes, CUstream stream) {
  return copy_peer("cuMemcpyPeerAsync", to, from, bytes, stream, false);
}

CUresult cuMemsetD2D8(CUdeviceptr to, std::size_t pitch, unsigned char value, std::size_t width,
                      std::size_t height) {
  return fill_2d("cuMemsetD2D8", to, pitch, value, 1, width, height, nullptr, true);
}
CUresult cuMemsetD2D16(CUdeviceptr to, std::size_t pitch, unsigned short value, std::size_t width,
                       std::size_t height) {
  return fill_2d("cuMemsetD2D16", to, pitch, value, 2, width, height, nullptr, true);
}
CUresult cuMemsetD2D32(CUdeviceptr to, std::size_t pitch, unsigned value, std::size_t width,
                       std::size_t height) {
  return fill_2d("cuMemsetD2D32", to, pitch, value, 4, width, height, nullptr, true);
}
CUresult cuMemsetD2D8Async(CUdeviceptr to, std::size_t pitch, unsigned char value,
                           std::size_t width, std::size_t height, CUstream stream) {
  return fill_2d("cuMemsetD2D8Async", to, pitch, value, 1, width, height, stream, false);
}
CUresult cuMemsetD2D16Async(CUdeviceptr to, std::size_t pitch, unsigned short value,
                            std::size_t width, std::size_t height, CUstream stream) {
  return fill_2d("cuMemsetD2D16Async", to, pitch, value, 2, width, height, stream, false);
}
CUresult cuMemsetD2D32Async(CUdeviceptr to, std::size_t pitch, unsigned value, std::size_t width,
                            std::size_t height, CUstream stream) {
  return fill_2d("cuMemsetD2D32Async", to, pitch, value, 4, width, height, stream, false);
}

}  // extern "C"
