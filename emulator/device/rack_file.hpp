#pragma once
/// Reads configs/racks/*.json (schema: configs/schema/rack.schema.json) into a RackModel.

#include "emulator/device/device_model.hpp"

#include <filesystem>
#include <stdexcept>

namespace rackproof::emulator::device {

/// what() is one line: "<file>: <JSON pointer>: <problem>; <fix>".
class RackFileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Strict: unknown keys, missing keys, wrong types and impossible values are errors.
/// Where the file has null for module ids or PCI addresses, the emulator numbers the devices itself
/// (module i+1, address 0000:01+i:00.0): an answer it must give, not a fact about the machine.
[[nodiscard]] RackModel load_rack_file(const std::filesystem::path& file);

}  // namespace rackproof::emulator::device
