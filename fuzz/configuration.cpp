// The readers of configuration files and of what ranks send each other. The first byte chooses.
#include "emulator/device/rack_file.hpp"
#include "fuzz/memory_file.hpp"
#include "fuzz/require.hpp"
#include "harness/config/error.hpp"
#include "harness/config/json_reader.hpp"
#include "harness/topology/codec.hpp"
#include "harness/topology/rack_facts.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>

namespace {

using rackproof::fuzz::require;
namespace config = rackproof::harness::config;
namespace device = rackproof::emulator::device;
namespace topology = rackproof::harness::topology;

void read_facts(const rackproof::fuzz::MemoryFile& file) {
  try {
    const topology::RackFacts facts = topology::read_rack_facts(file.path());
    require(facts.nodes > 0 && facts.gpus_per_node > 0, "a rack has nodes and GPUs");
  } catch (const config::ConfigError& error) {
    require(std::string_view(error.what()).starts_with(file.path().native()),
            "an error begins with the file");
  }
}

void read_model(const rackproof::fuzz::MemoryFile& file) {
  try {
    static_cast<void>(device::load_rack_file(file.path()));
  } catch (const device::RackFileError& error) {
    require(std::string_view(error.what()).starts_with(file.path().native()),
            "an error begins with the file");
  }
}

void read_parameters(const rackproof::fuzz::MemoryFile& file) {
  try {
    config::ObjectReader reader = config::read_object(file.path());
    static_cast<void>(reader.params());
    reader.finish();
  } catch (const config::ConfigError& error) {
    require(std::string_view(error.what()).starts_with(file.path().native()),
            "an error begins with the file");
  }
}

void read_rank(std::span<const std::byte> bytes, bool candidate) {
  try {
    if (candidate) {
      static_cast<void>(topology::decode_candidate(bytes));
    } else {
      static_cast<void>(topology::decode_description(bytes));
    }
  } catch (const std::runtime_error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::uint8_t reader = data[0] % 5;
  const rackproof::fuzz::MemoryFile file(data + 1, size - 1);
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data + 1), size - 1);
  if (!file.valid()) {
    return 0;
  }
  switch (reader) {
    case 0:
      read_facts(file);
      break;
    case 1:
      read_model(file);
      break;
    case 2:
      read_parameters(file);
      break;
    default:
      read_rank(bytes, reader == 3);
      break;
  }
  return 0;
}
