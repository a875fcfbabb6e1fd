#include "emulator/engine/transfer.hpp"

#include "emulator/engine/clock_model.hpp"
#include "emulator/engine/core.hpp"
#include "emulator/engine/device_output.hpp"
#include "emulator/engine/graph/capture.hpp"
#include "emulator/engine/graph/memory.hpp"
#include "emulator/engine/graph/work.hpp"
#include "emulator/engine/memory_map.hpp"
#include "emulator/engine/transfer_checks.hpp"

#include <atomic>
#include <cstring>
#include <functional>
#include <optional>
#include <vector>

namespace rackproof::emulator::engine {
namespace {

class InstantOperation final : public Operation {
 public:
  explicit InstantOperation(std::function<TimePs(TimePs)> work) : work_(std::move(work)) {}
  StepResult step(TimePs start) override { return StepResult::done(work_(start)); }
  [[nodiscard]] bool is_instant() const override { return true; }

 private:
  std::function<TimePs(TimePs)> work_;
};

// A copy or fill: work that must be ordered with whoever touches the same bytes.
template <class Prepared>
class TransferOperation final : public Operation {
 public:
  TransferOperation(Prepared prepared, TransferOrder by, std::function<void(const Prepared&)> move)
      : prepared_(std::move(prepared)), by_(by), move_(std::move(move)) {}
  StepResult step(TimePs start) override {
    if (std::string problem = check_lifetime(prepared_); !problem.empty()) {
      return StepResult::failed(cudaErrorIllegalAddress, std::move(problem));
    }
    if (std::string problem = check_order(prepared_, order(), by_); !problem.empty()) {
      return StepResult::failed(cudaErrorLaunchFailure, std::move(problem));
    }
    if (!prepared_.is_empty) {
      move_(prepared_);
    }
    return StepResult::done(start + prepared_.duration_ps);
  }
  [[nodiscard]] bool is_instant() const override { return true; }

 private:
  Prepared prepared_;
  TransferOrder by_;
  std::function<void(const Prepared&)> move_;
};

class HostFunctionOperation final : public Operation {
 public:
  HostFunctionOperation(void (*function)(void*), void* data) : function_(function), data_(data) {}
  StepResult step(TimePs start) override {
    if (!is_started_) {
      is_started_ = true;
      Core::instance().executor().tell_host(order());
      Core::instance().executor().run_host_function(
          [function = function_, data = data_, flag = has_returned_] {
            function(data);
            flag->store(true);
          });
    }
    return has_returned_->load() ? StepResult::done(start) : StepResult::waiting();
  }
  [[nodiscard]] bool meets_host() const override { return true; }

 private:
  void (*function_)(void*);
  void* data_;
  bool is_started_ = false;
  std::shared_ptr<std::atomic<bool>> has_returned_ = std::make_shared<std::atomic<bool>>(false);
};

// One end of a copy: what the address belongs to.
struct End {
  bool is_known = false;   // CUDA handed it out or registered it
  bool is_device = false;  // lies in device memory
  bool is_managed = false;
  int device = -1;
};

std::optional<End> classify(const void* address, std::size_t bytes) {
  auto allocation = MemoryMap::find(address);
  if (!allocation) {
    allocation = graph::find_reserved(address);
  }
  if (!allocation) {
    return End{};
  }
  const auto offset = reinterpret_cast<std::uintptr_t>(address) - allocation->base;
  if (bytes > allocation->size_bytes - offset) {
    return std::nullopt;
  }
  End end;
  end.is_known = true;
  end.is_managed = allocation->kind == memory::Kind::managed;
  end.is_device = allocation->kind == memory::Kind::device ||
                  allocation->kind == memory::Kind::module_global ||
                  allocation->kind == memory::Kind::peer_import;
  end.device = allocation->device;
  return end;
}

std::size_t extent(const CopyShape& shape, std::size_t pitch, std::size_t slice_rows) {
  return ((shape.slices - 1) * slice_rows + shape.rows - 1) * pitch + shape.width_bytes;
}

bool kind_fits(cudaMemcpyKind kind, const End& destination, const End& source) {
  switch (kind) {
    case cudaMemcpyHostToDevice:
      return destination.is_device || destination.is_managed;
    case cudaMemcpyDeviceToHost:
      return source.is_device || source.is_managed;
    case cudaMemcpyDeviceToDevice:
      return destination.is_known && source.is_known;
    case cudaMemcpyHostToHost:
    case cudaMemcpyDefault:
      return true;
  }
  return false;
}

CopyPath path_of(const End& destination, const End& source) {
  if (destination.is_device && source.is_device) {
    return destination.device == source.device ? CopyPath::within_device : CopyPath::peer;
  }
  if (destination.is_device) {
    return CopyPath::host_to_device;
  }
  return source.is_device ? CopyPath::device_to_host : CopyPath::host;
}

void copy_rows(std::byte* destination, const std::byte* source, const CopyShape& shape) {
  for (std::size_t slice = 0; slice < shape.slices; ++slice) {
    for (std::size_t row = 0; row < shape.rows; ++row) {
      std::memmove(
          destination + (slice * shape.destination_slice_rows + row) * shape.destination_pitch,
          source + (slice * shape.source_slice_rows + row) * shape.source_pitch, shape.width_bytes);
    }
  }
}

template <typename T>
void fill_row(std::byte* row, std::uint32_t value, std::size_t elements) {
  const T element = static_cast<T>(value);
  for (std::size_t i = 0; i < elements; ++i) {
    std::memcpy(row + i * sizeof(T), &element, sizeof(T));
  }
}

void fill_box(const DeviceHeap* heap, std::byte* destination, std::uint32_t value,
              const FillShape& shape) {
  for (std::size_t slice = 0; slice < shape.slices; ++slice) {
    for (std::size_t row = 0; row < shape.rows; ++row) {
      std::byte* begin = destination + (slice * shape.slice_rows + row) * shape.pitch_bytes;
      const std::size_t bytes = shape.width_elements * shape.element_bytes;
      if (value == 0 && heap != nullptr) {
        heap->zero(begin, bytes);
      } else if (shape.element_bytes == 1) {
        std::memset(begin, static_cast<int>(value & 0xffU), bytes);
      } else if (shape.element_bytes == 2) {
        fill_row<std::uint16_t>(begin, value, shape.width_elements);
      } else {
        fill_row<std::uint32_t>(begin, value, shape.width_elements);
      }
    }
  }
}

}  // namespace

cudaError_t shape_of(const cudaMemcpy3DParms& box, void*& destination, const void*& source,
                     CopyShape& shape) {
  if (box.srcArray != nullptr || box.dstArray != nullptr) {
    return cudaErrorNotSupported;
  }
  const auto corner = [](const cudaPitchedPtr& pointer, const cudaPos& position) {
    return static_cast<std::byte*>(pointer.ptr) +
           (position.z * pointer.ysize + position.y) * pointer.pitch + position.x;
  };
  destination = corner(box.dstPtr, box.dstPos);
  source = corner(box.srcPtr, box.srcPos);
  shape = {.width_bytes = box.extent.width,
           .rows = box.extent.height,
           .slices = box.extent.depth,
           .source_pitch = box.srcPtr.pitch,
           .destination_pitch = box.dstPtr.pitch,
           .source_slice_rows = box.srcPtr.ysize,
           .destination_slice_rows = box.dstPtr.ysize};
  return cudaSuccess;
}

cudaError_t prepare_copy(void* destination, const void* source, const CopyShape& shape,
                         cudaMemcpyKind kind, PreparedCopy& prepared) {
  prepared = {};
  if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDefault) {
    return cudaErrorInvalidMemcpyDirection;
  }
  if (shape.width_bytes == 0 || shape.rows == 0 || shape.slices == 0) {
    prepared.is_empty = true;
    return cudaSuccess;
  }
  if (destination == nullptr || source == nullptr) {
    return cudaErrorInvalidValue;
  }
  const bool is_box = shape.rows > 1 || shape.slices > 1;
  if (is_box &&
      (shape.source_pitch < shape.width_bytes || shape.destination_pitch < shape.width_bytes)) {
    return cudaErrorInvalidPitchValue;
  }
  const std::size_t source_bytes = extent(shape, shape.source_pitch, shape.source_slice_rows);
  const auto to =
      classify(destination, extent(shape, shape.destination_pitch, shape.destination_slice_rows));
  const auto from = classify(source, source_bytes);
  if (!to || !from || !kind_fits(kind, *to, *from)) {
    return cudaErrorInvalidValue;
  }
  const std::uint64_t bytes = std::uint64_t{shape.width_bytes} * shape.rows * shape.slices;
  prepared.destination = static_cast<std::byte*>(destination);
  prepared.source = static_cast<const std::byte*>(source);
  prepared.shape = shape;
  prepared.duration_ps = to_ps(copy_s(Core::instance().rack(), path_of(*to, *from), bytes));
  prepared.source_bytes = source_bytes;
  prepared.is_from_pageable = !from->is_known;
  prepared.is_to_pageable = !to->is_known;
  prepared.is_between_devices = to->is_device && from->is_device;
  prepared.source_device = from->is_device ? from->device : -1;
  prepared.destination_device = to->is_device ? to->device : -1;
  return cudaSuccess;
}

std::unique_ptr<Operation> make_operation(const PreparedCopy& prepared) {
  return std::make_unique<TransferOperation<PreparedCopy>>(
      prepared, TransferOrder::by_stream,
      [](const PreparedCopy& copy) { copy_rows(copy.destination, copy.source, copy.shape); });
}

cudaError_t copy(void* destination, const void* source, const CopyShape& shape, cudaMemcpyKind kind,
                 Stream& stream, bool is_synchronous) {
  PreparedCopy prepared;
  if (const cudaError_t error = prepare_copy(destination, source, shape, kind, prepared);
      error != cudaSuccess) {
    return error;
  }
  if (is_synchronous) {
    if (const cudaError_t error = graph::refuse_wait(stream); error != cudaSuccess) {
      return error;
    }
  } else if (const auto captured =
                 graph::capture(stream, [&] { return graph::copy_work(prepared, kind); })) {
    return *captured;
  }
  if (prepared.is_empty) {
    return cudaSuccess;
  }
  Core& core = Core::instance();
  // The caller may change pageable memory as soon as an asynchronous copy has returned.
  std::shared_ptr<std::vector<std::byte>> snapshot;
  TicketPtr previous = core.executor().last(stream);
  if (!is_synchronous && prepared.is_from_pageable && !core.executor().has_finished(previous)) {
    snapshot = std::make_shared<std::vector<std::byte>>(prepared.source,
                                                        prepared.source + prepared.source_bytes);
  }
  const bool waits_for_devices = stream.kind == Stream::Kind::legacy &&
                                 prepared.is_between_devices &&
                                 prepared.source_device != prepared.destination_device;
  if (!is_synchronous && shape.rows * shape.slices == 1) {
    core.memory().watch_copy(source, shape.width_bytes, false);
    core.memory().watch_copy(destination, shape.width_bytes, true);
  }
  const TicketPtr ticket = core.executor().enqueue(
      stream, std::make_unique<TransferOperation<PreparedCopy>>(
                  prepared,
                  waits_for_devices ? TransferOrder::with_devices
                  : is_synchronous  ? TransferOrder::host_waits
                                    : TransferOrder::by_stream,
                  [snapshot](const PreparedCopy& copy) {
                    copy_rows(copy.destination, snapshot ? snapshot->data() : copy.source,
                              copy.shape);
                  }));
  if ((is_synchronous && !prepared.is_between_devices) || prepared.is_to_pageable) {
    core.executor().wait(ticket);
    flush_printf(core.device(stream.device->ordinal));
  } else if (prepared.is_from_pageable && snapshot == nullptr) {
    // Whether a snapshot was needed depends on the host's speed, so virtual time must not.
    core.executor().await(ticket);
  }
  return sticky_error(*stream.device);
}

cudaError_t prepare_fill(void* destination, std::uint32_t value, const FillShape& shape,
                         PreparedFill& prepared) {
  prepared = {};
  if (shape.width_elements == 0 || shape.rows == 0 || shape.slices == 0) {
    prepared.is_empty = true;
    return cudaSuccess;
  }
  if (shape.element_bytes != 1 && shape.element_bytes != 2 && shape.element_bytes != 4) {
    return cudaErrorInvalidValue;
  }
  const std::size_t width = shape.width_elements * shape.element_bytes;
  const bool is_box = shape.rows > 1 || shape.slices > 1;
  if (is_box && shape.pitch_bytes < width) {
    return cudaErrorInvalidPitchValue;
  }
  const std::size_t bytes =
      ((shape.slices - 1) * shape.slice_rows + shape.rows - 1) * shape.pitch_bytes + width;
  const auto to = classify(destination, bytes);
  if (!to || !to->is_known ||
      reinterpret_cast<std::uintptr_t>(destination) % shape.element_bytes != 0) {
    return cudaErrorInvalidValue;
  }
  prepared.device = to->is_device ? to->device : -1;
  prepared.destination = static_cast<std::byte*>(destination);
  prepared.value = value;
  prepared.shape = shape;
  prepared.duration_ps = to_ps(fill_s(Core::instance().rack(), width * shape.rows * shape.slices));
  return cudaSuccess;
}

namespace {

std::unique_ptr<Operation> make_operation(const PreparedFill& prepared, TransferOrder by) {
  return std::make_unique<TransferOperation<PreparedFill>>(
      prepared, by, [](const PreparedFill& fill) {
        const DeviceHeap* heap =
            fill.device >= 0 ? &Core::instance().device(fill.device).heap : nullptr;
        fill_box(heap, fill.destination, fill.value, fill.shape);
      });
}

}  // namespace

std::unique_ptr<Operation> make_operation(const PreparedFill& prepared) {
  return make_operation(prepared, TransferOrder::by_stream);
}

cudaError_t fill(void* destination, std::uint32_t value, const FillShape& shape, Stream& stream,
                 bool is_synchronous) {
  PreparedFill prepared;
  if (const cudaError_t error = prepare_fill(destination, value, shape, prepared);
      error != cudaSuccess) {
    return error;
  }
  if (is_synchronous) {
    if (const cudaError_t error = graph::refuse_wait(stream); error != cudaSuccess) {
      return error;
    }
  } else if (const auto captured =
                 graph::capture(stream, [&] { return graph::fill_work(prepared); })) {
    return *captured;
  }
  if (prepared.is_empty) {
    return cudaSuccess;
  }
  Core& core = Core::instance();
  const TicketPtr ticket = core.executor().enqueue(
      stream, make_operation(
                  prepared, is_synchronous ? TransferOrder::host_waits : TransferOrder::by_stream));
  if (is_synchronous && prepared.device < 0) {
    core.executor().wait(ticket);
  }
  return sticky_error(*stream.device);
}

TicketPtr mark(Stream& stream, std::vector<TicketPtr> others, std::function<void()> reached) {
  return Core::instance().executor().enqueue(
      stream, std::make_unique<InstantOperation>([reached = std::move(reached)](TimePs start) {
        if (reached) {
          reached();
        }
        return start;
      }),
      std::move(others));
}

cudaError_t free_in_order(void* address, Stream& stream) {
  if (graph::is_capturing(stream)) {
    return graph::capture_free(stream, address);
  }
  auto allocation = MemoryMap::find(address);
  if (!allocation) {
    allocation = graph::find_reserved(address);
  }
  if (!allocation || allocation->base != reinterpret_cast<std::uintptr_t>(address)) {
    return cudaErrorInvalidValue;
  }
  graph::note_free(address);
  Core::instance().executor().enqueue(
      stream, std::make_unique<InstantOperation>([address](TimePs start) {
        static_cast<void>(Core::instance().memory().free_device(address));
        return start;
      }));
  return cudaSuccess;
}

std::unique_ptr<Operation> make_host_function(void (*function)(void*), void* data) {
  return std::make_unique<HostFunctionOperation>(function, data);
}

cudaError_t enqueue_host_function(Stream& stream, void (*function)(void*), void* data) {
  if (const auto captured =
          graph::capture(stream, [&] { return graph::host_work(function, data); })) {
    return *captured;
  }
  Core::instance().executor().enqueue(stream, make_host_function(function, data));
  return cudaSuccess;
}

}  // namespace rackproof::emulator::engine
