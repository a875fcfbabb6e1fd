#pragma once
/// Copies and fills, checked like CUDA's and ordered in streams.

#include "emulator/engine/stream.hpp"

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
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

/// A copy whose ranges and direction were checked: what a stream or a graph node executes.
struct PreparedCopy {
  std::byte* destination = nullptr;
  const std::byte* source = nullptr;
  CopyShape shape;
  TimePs duration_ps = 0;
  std::size_t source_bytes = 0;
  bool is_empty = false;
  bool is_from_pageable = false;  ///< memory that CUDA knows nothing of
  bool is_to_pageable = false;
  bool is_between_devices = false;  ///< both ends in device memory
  int source_device = -1;           ///< -1: host
  int destination_device = -1;
};
cudaError_t prepare_copy(void* destination, const void* source, const CopyShape& shape,
                         cudaMemcpyKind kind, PreparedCopy& prepared);
[[nodiscard]] std::unique_ptr<Operation> make_operation(const PreparedCopy& prepared);
/// The same as CUDA's box; cudaErrorNotSupported for arrays.
cudaError_t shape_of(const cudaMemcpy3DParms& box, void*& destination, const void*& source,
                     CopyShape& shape);

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
struct PreparedFill {
  int device = -1;  ///< whose memory it is; -1: host
  std::byte* destination = nullptr;
  std::uint32_t value = 0;
  FillShape shape;
  TimePs duration_ps = 0;
  bool is_empty = false;
};
cudaError_t prepare_fill(void* destination, std::uint32_t value, const FillShape& shape,
                         PreparedFill& prepared);
[[nodiscard]] std::unique_ptr<Operation> make_operation(const PreparedFill& prepared);

/// Appends a fill to `stream`; it returns at once for device memory, as CUDA's do.
cudaError_t fill(void* destination, std::uint32_t value, const FillShape& shape, Stream& stream,
                 bool is_synchronous);

/// A point in a stream: done when everything before it and `others` are. For events and waits.
/// `reached` is called then, on any thread.
TicketPtr mark(Stream& stream, std::vector<TicketPtr> others = {},
               std::function<void()> reached = {});

/// Frees device memory when the stream gets there (cudaFreeAsync).
cudaError_t free_in_order(void* address, Stream& stream);

/// Calls `function(data)` on a host thread in stream order.
cudaError_t enqueue_host_function(Stream& stream, void (*function)(void*), void* data);
[[nodiscard]] std::unique_ptr<Operation> make_host_function(void (*function)(void*), void* data);

}  // namespace rackproof::emulator::engine
