#pragma once
/// Copies and fills, checked like CUDA's and ordered in streams.

#include "emulator/engine/stream.hpp"

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rackproof::emulator::engine {

/// A box of rows: width in bytes, rows apart by a pitch, slices apart by pitch x slice_rows.
/// One-dimensional copies have one row.
struct CopyShape {
  std::size_t width_bytes = 0;
  std::size_t rows = 1;
  std::size_t slices = 1;
  std::size_t source_pitch = 0;
  std::size_t destination_pitch = 0;
  std::size_t source_slice_rows = 0;
  std::size_t destination_slice_rows = 0;
};

/// Appends a copy to `stream`. With `is_synchronous` it returns when CUDA's synchronous forms do:
/// after the copy, except within a device. Pageable sources are read before it returns.
cudaError_t copy(void* destination, const void* source, const CopyShape& shape, cudaMemcpyKind kind,
                 Stream& stream, bool is_synchronous);

struct FillShape {
  std::size_t width_elements = 0;
  std::size_t rows = 1;
  std::size_t slices = 1;
  std::size_t pitch_bytes = 0;
  std::size_t slice_rows = 0;
  std::size_t element_bytes = 1;  ///< 1, 2 or 4
};
/// Appends a fill to `stream`; it returns at once for device memory, as CUDA's do.
cudaError_t fill(void* destination, std::uint32_t value, const FillShape& shape, Stream& stream,
                 bool is_synchronous);

/// A point in a stream: done when everything before it and `others` are. For events and waits.
TicketPtr mark(Stream& stream, std::vector<TicketPtr> others = {});

/// Frees device memory when the stream gets there (cudaFreeAsync).
cudaError_t free_in_order(void* address, Stream& stream);

/// Calls `function(data)` on a host thread in stream order.
void enqueue_host_function(Stream& stream, void (*function)(void*), void* data);

}  // namespace rackproof::emulator::engine
