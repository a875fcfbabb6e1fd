// Batches: several copies, prefetches or discards in one call.

#include "emulator/api/common/api_call.hpp"
#include "emulator/engine/memory_map.hpp"
#include "emulator/engine/transfer.hpp"

#include <cuda_runtime_api.h>

#include <vector>

namespace {

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::api_call;
using engine::CopyShape;
using engine::Core;

// The stream of a batch; the legacy stream is not allowed (CUDA runtime API, cudaMemcpyBatchAsync).
engine::Stream* batch_stream(cudaStream_t handle, bool is_per_thread) {
  engine::Stream* stream = engine::resolve_stream(handle, is_per_thread);
  return stream != nullptr && stream->kind != engine::Stream::Kind::legacy ? stream : nullptr;
}

bool is_order(cudaMemcpySrcAccessOrder order) {
  return order >= cudaMemcpySrcAccessOrderStream && order <= cudaMemcpySrcAccessOrderAny;
}

cudaError_t copies(void* const* destinations, const void* const* sources, const std::size_t* sizes,
                   std::size_t count, const cudaMemcpyAttributes* attributes,
                   const std::size_t* begins, std::size_t attribute_count, cudaStream_t handle,
                   bool is_per_thread) {
  return api_call("cudaMemcpyBatchAsync", [&](Core&) {
    engine::Stream* stream = batch_stream(handle, is_per_thread);
    if (stream == nullptr || destinations == nullptr || sources == nullptr || sizes == nullptr ||
        attributes == nullptr || begins == nullptr || attribute_count == 0 ||
        attribute_count > count || begins[0] != 0) {
      return cudaErrorInvalidValue;
    }
    for (std::size_t i = 0; i < attribute_count; ++i) {
      if (!is_order(attributes[i].srcAccessOrder) || begins[i] >= count ||
          (i > 0 && begins[i] <= begins[i - 1])) {
        return cudaErrorInvalidValue;
      }
    }
    std::size_t group = 0;
    for (std::size_t i = 0; i < count; ++i) {
      group += group + 1 < attribute_count && begins[group + 1] == i ? 1 : 0;
      // A source that is only good during the call has to be read before it returns.
      const bool reads_now =
          attributes[group].srcAccessOrder == cudaMemcpySrcAccessOrderDuringApiCall;
      const cudaError_t error = engine::copy(destinations[i], sources[i], {.width_bytes = sizes[i]},
                                             cudaMemcpyDefault, *stream, reads_now);
      if (error != cudaSuccess) {
        return error;
      }
    }
    return cudaSuccess;
  });
}

cudaError_t boxes(std::size_t count, const cudaMemcpy3DBatchOp* operations,
                  unsigned long long flags, cudaStream_t handle, bool is_per_thread) {
  return api_call("cudaMemcpy3DBatchAsync", [&](Core&) {
    engine::Stream* stream = batch_stream(handle, is_per_thread);
    if (stream == nullptr || operations == nullptr || count == 0 || flags != 0) {
      return cudaErrorInvalidValue;
    }
    for (std::size_t i = 0; i < count; ++i) {
      const cudaMemcpy3DBatchOp& box = operations[i];
      if (box.src.type == cudaMemcpyOperandTypeArray ||
          box.dst.type == cudaMemcpyOperandTypeArray) {
        return cudaErrorNotSupported;
      }
      if (!is_order(box.srcAccessOrder) || box.extent.width == 0 || box.extent.height == 0 ||
          box.extent.depth == 0) {
        return cudaErrorInvalidValue;
      }
      // 0 stands for rows and layers without gaps.
      const auto length = [](std::size_t given, std::size_t tight) {
        return given != 0 ? given : tight;
      };
      const CopyShape shape{
          .width_bytes = box.extent.width,
          .rows = box.extent.height,
          .slices = box.extent.depth,
          .source_pitch = length(box.src.op.ptr.rowLength, box.extent.width),
          .destination_pitch = length(box.dst.op.ptr.rowLength, box.extent.width),
          .source_slice_rows = length(box.src.op.ptr.layerHeight, box.extent.height),
          .destination_slice_rows = length(box.dst.op.ptr.layerHeight, box.extent.height)};
      const cudaError_t error =
          engine::copy(box.dst.op.ptr.ptr, box.src.op.ptr.ptr, shape, cudaMemcpyDefault, *stream,
                       box.srcAccessOrder == cudaMemcpySrcAccessOrderDuringApiCall);
      if (error != cudaSuccess) {
        return error;
      }
    }
    return cudaSuccess;
  });
}

// Managed memory is where both sides see it, so a prefetch or a discard moves nothing.
cudaError_t ranges(const char* name, void* const* pointers, const std::size_t* sizes,
                   std::size_t count, unsigned long long flags, cudaStream_t handle,
                   bool is_per_thread) {
  return api_call(name, [&](Core&) {
    if (batch_stream(handle, is_per_thread) == nullptr || pointers == nullptr || sizes == nullptr ||
        count == 0 || flags != 0) {
      return cudaErrorInvalidValue;
    }
    for (std::size_t i = 0; i < count; ++i) {
      const auto allocation = engine::MemoryMap::find(pointers[i]);
      if (!allocation || allocation->kind != memory::Kind::managed || sizes[i] == 0) {
        return cudaErrorInvalidValue;
      }
    }
    return cudaSuccess;
  });
}

}  // namespace

extern "C" {

cudaError_t cudaMemcpyBatchAsync(void* const* to, const void* const* from, const std::size_t* sizes,
                                 std::size_t count, cudaMemcpyAttributes* attributes,
                                 std::size_t* begins, std::size_t attribute_count,
                                 cudaStream_t stream) {
  return copies(to, from, sizes, count, attributes, begins, attribute_count, stream, false);
}
cudaError_t cudaMemcpyBatchAsync_ptsz(void* const* to, const void* const* from,
                                      const std::size_t* sizes, std::size_t count,
                                      cudaMemcpyAttributes* attributes, std::size_t* begins,
                                      std::size_t attribute_count, cudaStream_t stream) {
  return copies(to, from, sizes, count, attributes, begins, attribute_count, stream, true);
}
cudaError_t cudaMemcpy3DBatchAsync(std::size_t count, cudaMemcpy3DBatchOp* operations,
                                   unsigned long long flags, cudaStream_t stream) {
  return boxes(count, operations, flags, stream, false);
}
cudaError_t cudaMemcpy3DBatchAsync_ptsz(std::size_t count, cudaMemcpy3DBatchOp* operations,
                                        unsigned long long flags, cudaStream_t stream) {
  return boxes(count, operations, flags, stream, true);
}
cudaError_t cudaMemPrefetchBatchAsync(void** pointers, std::size_t* sizes, std::size_t count,
                                      cudaMemLocation* /*locations*/, std::size_t* /*begins*/,
                                      std::size_t /*location_count*/, unsigned long long flags,
                                      cudaStream_t stream) {
  return ranges("cudaMemPrefetchBatchAsync", pointers, sizes, count, flags, stream, false);
}
cudaError_t cudaMemPrefetchBatchAsync_ptsz(void** pointers, std::size_t* sizes, std::size_t count,
                                           cudaMemLocation* /*locations*/, std::size_t* /*begins*/,
                                           std::size_t /*location_count*/, unsigned long long flags,
                                           cudaStream_t stream) {
  return ranges("cudaMemPrefetchBatchAsync", pointers, sizes, count, flags, stream, true);
}
cudaError_t cudaMemDiscardBatchAsync(void** pointers, std::size_t* sizes, std::size_t count,
                                     unsigned long long flags, cudaStream_t stream) {
  return ranges("cudaMemDiscardBatchAsync", pointers, sizes, count, flags, stream, false);
}
cudaError_t cudaMemDiscardBatchAsync_ptsz(void** pointers, std::size_t* sizes, std::size_t count,
                                          unsigned long long flags, cudaStream_t stream) {
  return ranges("cudaMemDiscardBatchAsync", pointers, sizes, count, flags, stream, true);
}

}  // extern "C"
