#pragma once
/// What copies and fills tell the race detector.

#include "emulator/check/operation_order.hpp"
#include "emulator/engine/transfer.hpp"

#include <string>

namespace rackproof::emulator::engine {

/// What orders a copy or fill.
enum class TransferOrder : std::uint8_t {
  by_stream,
  /// A synchronous form: all later work comes after it, also within a device, where CUDA promises
  /// less than programs rely on.
  host_waits,
  /// Between two devices in the legacy stream: after all work of both, before all later work (CUDA
  /// programming guide, peer-to-peer memory copy).
  with_devices,
};

/// Called when the operation happens. Not empty: what it is not ordered with.
[[nodiscard]] std::string check_order(const PreparedCopy& copy, const check::OperationOrder& order,
                                      TransferOrder by);
[[nodiscard]] std::string check_order(const PreparedFill& fill, const check::OperationOrder& order,
                                      TransferOrder by);

/// Called before it happens. Not empty: memory that was freed since the call, in stream order.
[[nodiscard]] std::string check_lifetime(const PreparedCopy& copy);
[[nodiscard]] std::string check_lifetime(const PreparedFill& fill);

}  // namespace rackproof::emulator::engine
