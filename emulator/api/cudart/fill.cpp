// Fills in all their forms: each exported name is one shape for engine::fill.

#include "emulator/api/common/api_call.hpp"
#include "emulator/api/cudart/ordering.hpp"
#include "emulator/engine/transfer.hpp"

#include <cuda_runtime_api.h>

namespace {

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::api_call;
using api::async_per_thread;
using api::asynchronous;
using api::kSync;
using api::kSyncPerThread;
using api::Ordering;
using engine::Core;
using engine::FillShape;

cudaError_t fill(const char* name, void* destination, int value, const FillShape& shape,
                 const Ordering& ordering) {
  return api_call(name, [&](Core&) {
    engine::Stream* stream = engine::resolve_stream(ordering.stream, ordering.is_per_thread);
    return stream == nullptr ? cudaErrorInvalidResourceHandle
                             : engine::fill(destination, static_cast<std::uint32_t>(value) & 0xffU,
                                            shape, *stream, ordering.is_synchronous);
  });
}

cudaError_t fill_rectangle(const char* name, void* destination, std::size_t pitch, int value,
                           std::size_t width, std::size_t height, const Ordering& ordering) {
  return fill(name, destination, value,
              {.width_elements = width, .rows = height, .pitch_bytes = pitch}, ordering);
}

cudaError_t fill_box(const char* name, const cudaPitchedPtr& destination, int value,
                     const cudaExtent& extent, const Ordering& ordering) {
  return fill(name, destination.ptr, value,
              {.width_elements = extent.width,
               .rows = extent.height,
               .slices = extent.depth,
               .pitch_bytes = destination.pitch,
               .slice_rows = destination.ysize},
              ordering);
}

}  // namespace

extern "C" {

cudaError_t cudaMemset(void* to, int value, std::size_t bytes) {
  return fill("cudaMemset", to, value, {.width_elements = bytes}, kSync);
}
cudaError_t cudaMemset_ptds(void* to, int value, std::size_t bytes) {
  return fill("cudaMemset", to, value, {.width_elements = bytes}, kSyncPerThread);
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  return fill("cudaMemsetAsync", to, value, {.width_elements = bytes}, asynchronous(stream));
}
cudaError_t cudaMemsetAsync_ptsz(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  return fill("cudaMemsetAsync", to, value, {.width_elements = bytes}, async_per_thread(stream));
}
cudaError_t cudaMemset2D(void* to, std::size_t pitch, int value, std::size_t width,
                         std::size_t height) {
  return fill_rectangle("cudaMemset2D", to, pitch, value, width, height, kSync);
}
cudaError_t cudaMemset2D_ptds(void* to, std::size_t pitch, int value, std::size_t width,
                              std::size_t height) {
  return fill_rectangle("cudaMemset2D", to, pitch, value, width, height, kSyncPerThread);
}
cudaError_t cudaMemset2DAsync(void* to, std::size_t pitch, int value, std::size_t width,
                              std::size_t height, cudaStream_t stream) {
  return fill_rectangle("cudaMemset2DAsync", to, pitch, value, width, height, asynchronous(stream));
}
cudaError_t cudaMemset2DAsync_ptsz(void* to, std::size_t pitch, int value, std::size_t width,
                                   std::size_t height, cudaStream_t stream) {
  return fill_rectangle("cudaMemset2DAsync", to, pitch, value, width, height,
                        async_per_thread(stream));
}
cudaError_t cudaMemset3D(cudaPitchedPtr to, int value, cudaExtent extent) {
  return fill_box("cudaMemset3D", to, value, extent, kSync);
}
cudaError_t cudaMemset3D_ptds(cudaPitchedPtr to, int value, cudaExtent extent) {
  return fill_box("cudaMemset3D", to, value, extent, kSyncPerThread);
}
cudaError_t cudaMemset3DAsync(cudaPitchedPtr to, int value, cudaExtent extent,
                              cudaStream_t stream) {
  return fill_box("cudaMemset3DAsync", to, value, extent, asynchronous(stream));
}
cudaError_t cudaMemset3DAsync_ptsz(cudaPitchedPtr to, int value, cudaExtent extent,
                                   cudaStream_t stream) {
  return fill_box("cudaMemset3DAsync", to, value, extent, async_per_thread(stream));
}

}  // extern "C"
