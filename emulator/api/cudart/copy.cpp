// Copies in all their forms, to and from symbols too: each name is one shape for engine::copy.

#include "emulator/api/common/api_call.hpp"
#include "emulator/api/cudart/graph_call.hpp"
#include "emulator/api/cudart/ordering.hpp"
#include "emulator/engine/modules.hpp"
#include "emulator/engine/transfer.hpp"

#include <cuda_runtime_api.h>

#include <algorithm>

namespace {

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::api_call;
using api::async_per_thread;
using api::asynchronous;
using api::kSync;
using api::kSyncPerThread;
using api::Ordering;
using engine::CopyShape;
using engine::Core;

cudaError_t copy(const char* name, void* destination, const void* source, const CopyShape& shape,
                 cudaMemcpyKind kind, const Ordering& ordering) {
  return api_call(name, [&](Core&) {
    engine::Stream* stream = engine::resolve_stream(ordering.stream, ordering.is_per_thread);
    return stream == nullptr
               ? cudaErrorInvalidResourceHandle
               : engine::copy(destination, source, shape, kind, *stream, ordering.is_synchronous);
  });
}

bool are_devices(int first, int second) {
  return Core::instance().is_device(first) && Core::instance().is_device(second);
}

cudaError_t copy_line(const char* name, void* destination, const void* source, std::size_t bytes,
                      cudaMemcpyKind kind, const Ordering& ordering) {
  return copy(name, destination, source, {.width_bytes = bytes}, kind, ordering);
}

cudaError_t copy_rectangle(const char* name, void* destination, std::size_t destination_pitch,
                           const void* source, std::size_t source_pitch, std::size_t width,
                           std::size_t height, cudaMemcpyKind kind, const Ordering& ordering) {
  return copy(name, destination, source,
              {.width_bytes = width,
               .rows = height,
               .source_pitch = source_pitch,
               .destination_pitch = destination_pitch},
              kind, ordering);
}

cudaError_t copy_box(const char* name, const cudaMemcpy3DParms* box, const Ordering& ordering) {
  void* destination = nullptr;
  const void* source = nullptr;
  CopyShape shape;
  if (box == nullptr) {
    return api::finish_call(name, cudaErrorInvalidValue);
  }
  if (const cudaError_t error = engine::shape_of(*box, destination, source, shape);
      error != cudaSuccess) {
    return api::finish_call(name, error);
  }
  return copy(name, destination, source, shape, box->kind, ordering);
}

cudaError_t copy_box_between(const char* name, const cudaMemcpy3DPeerParms* peers,
                             const Ordering& ordering) {
  if (peers == nullptr || !are_devices(peers->srcDevice, peers->dstDevice)) {
    return api::finish_call(name,
                            peers == nullptr ? cudaErrorInvalidValue : cudaErrorInvalidDevice);
  }
  cudaMemcpy3DParms box{};
  box.srcArray = peers->srcArray;
  box.srcPos = peers->srcPos;
  box.srcPtr = peers->srcPtr;
  box.dstArray = peers->dstArray;
  box.dstPos = peers->dstPos;
  box.dstPtr = peers->dstPtr;
  box.extent = peers->extent;
  box.kind = cudaMemcpyDefault;
  return copy_box(name, &box, ordering);
}

// A copy to or from a __device__ variable: [offset, offset + bytes) must lie inside it.
cudaError_t copy_symbol(const char* name, const void* symbol, void* destination, const void* source,
                        std::size_t bytes, std::size_t offset, cudaMemcpyKind kind,
                        const Ordering& ordering) {
  return api_call(name, [&](Core&) {
    void* place = nullptr;
    if (const cudaError_t error =
            api::symbol_range(symbol, bytes, offset, engine::current_device().ordinal, &place);
        error != cudaSuccess) {
      return error;
    }
    engine::Stream* stream = engine::resolve_stream(ordering.stream, ordering.is_per_thread);
    if (stream == nullptr) {
      return cudaErrorInvalidResourceHandle;
    }
    return destination == nullptr ? engine::copy(place, source, {.width_bytes = bytes}, kind,
                                                 *stream, ordering.is_synchronous)
                                  : engine::copy(destination, place, {.width_bytes = bytes}, kind,
                                                 *stream, ordering.is_synchronous);
  });
}

}  // namespace

extern "C" {

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  return copy_line("cudaMemcpy", to, from, bytes, kind, kSync);
}
cudaError_t cudaMemcpy_ptds(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  return copy_line("cudaMemcpy", to, from, bytes, kind, kSyncPerThread);
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return copy_line("cudaMemcpyAsync", to, from, bytes, kind, asynchronous(stream));
}
cudaError_t cudaMemcpyAsync_ptsz(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                                 cudaStream_t stream) {
  return copy_line("cudaMemcpyAsync", to, from, bytes, kind, async_per_thread(stream));
}
cudaError_t cudaMemcpyPeer(void* to, int to_device, const void* from, int from_device,
                           std::size_t bytes) {
  if (!are_devices(to_device, from_device)) {
    return api::finish_call("cudaMemcpyPeer", cudaErrorInvalidDevice);
  }
  return copy_line("cudaMemcpyPeer", to, from, bytes, cudaMemcpyDeviceToDevice, kSync);
}
cudaError_t cudaMemcpyPeerAsync(void* to, int to_device, const void* from, int from_device,
                                std::size_t bytes, cudaStream_t stream) {
  if (!are_devices(to_device, from_device)) {
    return api::finish_call("cudaMemcpyPeerAsync", cudaErrorInvalidDevice);
  }
  return copy_line("cudaMemcpyPeerAsync", to, from, bytes, cudaMemcpyDeviceToDevice,
                   asynchronous(stream));
}

cudaError_t cudaMemcpy2D(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                         std::size_t width, std::size_t height, cudaMemcpyKind kind) {
  return copy_rectangle("cudaMemcpy2D", to, to_pitch, from, from_pitch, width, height, kind, kSync);
}
cudaError_t cudaMemcpy2D_ptds(void* to, std::size_t to_pitch, const void* from,
                              std::size_t from_pitch, std::size_t width, std::size_t height,
                              cudaMemcpyKind kind) {
  return copy_rectangle("cudaMemcpy2D", to, to_pitch, from, from_pitch, width, height, kind,
                        kSyncPerThread);
}
cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from,
                              std::size_t from_pitch, std::size_t width, std::size_t height,
                              cudaMemcpyKind kind, cudaStream_t stream) {
  return copy_rectangle("cudaMemcpy2DAsync", to, to_pitch, from, from_pitch, width, height, kind,
                        asynchronous(stream));
}
cudaError_t cudaMemcpy2DAsync_ptsz(void* to, std::size_t to_pitch, const void* from,
                                   std::size_t from_pitch, std::size_t width, std::size_t height,
                                   cudaMemcpyKind kind, cudaStream_t stream) {
  return copy_rectangle("cudaMemcpy2DAsync", to, to_pitch, from, from_pitch, width, height, kind,
                        async_per_thread(stream));
}
cudaError_t cudaMemcpy3D(const cudaMemcpy3DParms* box) {
  return copy_box("cudaMemcpy3D", box, kSync);
}
cudaError_t cudaMemcpy3D_ptds(const cudaMemcpy3DParms* box) {
  return copy_box("cudaMemcpy3D", box, kSyncPerThread);
}
cudaError_t cudaMemcpy3DAsync(const cudaMemcpy3DParms* box, cudaStream_t stream) {
  return copy_box("cudaMemcpy3DAsync", box, asynchronous(stream));
}
cudaError_t cudaMemcpy3DAsync_ptsz(const cudaMemcpy3DParms* box, cudaStream_t stream) {
  return copy_box("cudaMemcpy3DAsync", box, async_per_thread(stream));
}

cudaError_t cudaMemcpy3DPeer(const cudaMemcpy3DPeerParms* box) {
  return copy_box_between("cudaMemcpy3DPeer", box, kSync);
}
cudaError_t cudaMemcpy3DPeer_ptds(const cudaMemcpy3DPeerParms* box) {
  return copy_box_between("cudaMemcpy3DPeer", box, kSyncPerThread);
}
cudaError_t cudaMemcpy3DPeerAsync(const cudaMemcpy3DPeerParms* box, cudaStream_t stream) {
  return copy_box_between("cudaMemcpy3DPeerAsync", box, asynchronous(stream));
}
cudaError_t cudaMemcpy3DPeerAsync_ptsz(const cudaMemcpy3DPeerParms* box, cudaStream_t stream) {
  return copy_box_between("cudaMemcpy3DPeerAsync", box, async_per_thread(stream));
}

cudaError_t cudaMemcpyToSymbol(const void* symbol, const void* from, std::size_t bytes,
                               std::size_t offset, cudaMemcpyKind kind) {
  return copy_symbol("cudaMemcpyToSymbol", symbol, nullptr, from, bytes, offset, kind, kSync);
}
cudaError_t cudaMemcpyToSymbol_ptds(const void* symbol, const void* from, std::size_t bytes,
                                    std::size_t offset, cudaMemcpyKind kind) {
  return copy_symbol("cudaMemcpyToSymbol", symbol, nullptr, from, bytes, offset, kind,
                     kSyncPerThread);
}
cudaError_t cudaMemcpyToSymbolAsync(const void* symbol, const void* from, std::size_t bytes,
                                    std::size_t offset, cudaMemcpyKind kind, cudaStream_t stream) {
  return copy_symbol("cudaMemcpyToSymbolAsync", symbol, nullptr, from, bytes, offset, kind,
                     asynchronous(stream));
}
cudaError_t cudaMemcpyToSymbolAsync_ptsz(const void* symbol, const void* from, std::size_t bytes,
                                         std::size_t offset, cudaMemcpyKind kind,
                                         cudaStream_t stream) {
  return copy_symbol("cudaMemcpyToSymbolAsync", symbol, nullptr, from, bytes, offset, kind,
                     async_per_thread(stream));
}
cudaError_t cudaMemcpyFromSymbol(void* to, const void* symbol, std::size_t bytes,
                                 std::size_t offset, cudaMemcpyKind kind) {
  return copy_symbol("cudaMemcpyFromSymbol", symbol, to, nullptr, bytes, offset, kind, kSync);
}
cudaError_t cudaMemcpyFromSymbol_ptds(void* to, const void* symbol, std::size_t bytes,
                                      std::size_t offset, cudaMemcpyKind kind) {
  return copy_symbol("cudaMemcpyFromSymbol", symbol, to, nullptr, bytes, offset, kind,
                     kSyncPerThread);
}
cudaError_t cudaMemcpyFromSymbolAsync(void* to, const void* symbol, std::size_t bytes,
                                      std::size_t offset, cudaMemcpyKind kind,
                                      cudaStream_t stream) {
  return copy_symbol("cudaMemcpyFromSymbolAsync", symbol, to, nullptr, bytes, offset, kind,
                     asynchronous(stream));
}
cudaError_t cudaMemcpyFromSymbolAsync_ptsz(void* to, const void* symbol, std::size_t bytes,
                                           std::size_t offset, cudaMemcpyKind kind,
                                           cudaStream_t stream) {
  return copy_symbol("cudaMemcpyFromSymbolAsync", symbol, to, nullptr, bytes, offset, kind,
                     async_per_thread(stream));
}

cudaError_t cudaGetSymbolAddress(void** address, const void* symbol) {
  return api_call("cudaGetSymbolAddress", [&](Core& core) {
    const auto variable = core.modules().find_variable(symbol);
    return variable
               ? engine::find_symbol(*variable, engine::current_device().ordinal, address, nullptr)
               : cudaErrorInvalidSymbol;
  });
}
cudaError_t cudaGetSymbolSize(std::size_t* size, const void* symbol) {
  return api_call("cudaGetSymbolSize", [&](Core& core) {
    const auto variable = core.modules().find_variable(symbol);
    std::uint64_t bytes = 0;
    const cudaError_t error =
        variable ? engine::find_symbol(*variable, engine::current_device().ordinal, nullptr, &bytes)
                 : cudaErrorInvalidSymbol;
    *size = bytes;
    return error;
  });
}

}  // extern "C"
