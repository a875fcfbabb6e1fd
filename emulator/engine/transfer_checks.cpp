#include "emulator/engine/transfer_checks.hpp"

#include "emulator/engine/core.hpp"
#include "emulator/exec/access_faults.hpp"

#include <mutex>

namespace rackproof::emulator::engine {
namespace {

struct Box {
  std::uint64_t base = 0;
  std::size_t width_bytes = 0;
  std::size_t rows = 1;
  std::size_t slices = 1;
  std::size_t pitch = 0;
  std::size_t slice_rows = 0;
};

std::string check_box(const Box& box, bool writes, const std::string& what,
                      const check::OperationOrder& order, TransferOrder by,
                      std::uint64_t other_end = 0) {
  check::Detector& detector = Core::instance().detector();
  const std::scoped_lock lock(detector.mutex());
  // Slices without a gap are more rows.
  const bool is_one = box.slices == 1 || box.slice_rows == box.rows;
  for (std::size_t slice = 0; slice < (is_one ? 1 : box.slices); ++slice) {
    check::RangeAccess access;
    access.base = box.base + slice * box.slice_rows * box.pitch;
    access.row_bytes = box.width_bytes;
    access.rows = is_one ? box.rows * box.slices : box.rows;
    access.pitch = box.pitch;
    access.writes = writes;
    access.other_end = other_end;
    access.precedes_later = by == TransferOrder::host_waits;
    access.what = what;
    access.order = order;
    if (access.pitch == access.row_bytes) {
      access.row_bytes *= access.rows;
      access.rows = 1;
    }
    if (std::string message = detector.range_access(std::move(access)); !message.empty()) {
      return message;
    }
  }
  return {};
}

std::string check_lifetime(const void* address, const std::string& what) {
  if (!Core::instance().settings().checks.bounds) {
    return {};
  }
  const auto base = reinterpret_cast<std::uintptr_t>(address);
  const auto allocation = Core::instance().addresses().find(base);
  if (!allocation || !allocation->freed) {
    return {};
  }
  return what + exec::hex(base) + ": allocation " + std::to_string(allocation->id) + " (" +
         std::to_string(allocation->size_bytes) + " bytes at " + exec::hex(allocation->base) +
         ") was freed";
}

bool is_on() {
  return Core::instance().settings().checks.races;
}

}  // namespace

std::string check_order(const PreparedCopy& copy, const check::OperationOrder& order,
                        TransferOrder by) {
  if (!is_on() || copy.is_empty || by == TransferOrder::with_devices) {
    return {};
  }
  const CopyShape& shape = copy.shape;
  const auto source = reinterpret_cast<std::uintptr_t>(copy.source);
  const auto destination = reinterpret_cast<std::uintptr_t>(copy.destination);
  const std::string bytes = std::to_string(shape.width_bytes * shape.rows * shape.slices);
  std::string message;
  if (!copy.is_from_pageable) {
    message = check_box({source, shape.width_bytes, shape.rows, shape.slices, shape.source_pitch,
                         shape.source_slice_rows},
                        false, "copy of " + bytes + " bytes from " + exec::hex(source), order, by,
                        destination);
  }
  if (message.empty() && !copy.is_to_pageable) {
    message = check_box({destination, shape.width_bytes, shape.rows, shape.slices,
                         shape.destination_pitch, shape.destination_slice_rows},
                        true, "copy of " + bytes + " bytes to " + exec::hex(destination), order, by,
                        source);
  }
  return message;
}

std::string check_order(const PreparedFill& fill, const check::OperationOrder& order,
                        TransferOrder by) {
  if (!is_on() || fill.is_empty) {
    return {};
  }
  const FillShape& shape = fill.shape;
  const std::size_t width = shape.width_elements * shape.element_bytes;
  const auto base = reinterpret_cast<std::uintptr_t>(fill.destination);
  return check_box({base, width, shape.rows, shape.slices, shape.pitch_bytes, shape.slice_rows},
                   true,
                   "fill of " + std::to_string(width * shape.rows * shape.slices) + " bytes at " +
                       exec::hex(base),
                   order, by);
}

std::string check_lifetime(const PreparedCopy& copy) {
  if (copy.is_empty) {
    return {};
  }
  std::string message;
  if (!copy.is_from_pageable) {
    message = check_lifetime(copy.source, "copy from ");
  }
  if (message.empty() && !copy.is_to_pageable) {
    message = check_lifetime(copy.destination, "copy to ");
  }
  return message;
}

std::string check_lifetime(const PreparedFill& fill) {
  return fill.is_empty ? std::string{} : check_lifetime(fill.destination, "fill at ");
}

}  // namespace rackproof::emulator::engine
