#pragma once
/// Messages between ranks of one build: JSON in MessagePack.

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace rackproof::harness::ranks {

[[nodiscard]] inline std::vector<std::byte> pack(const nlohmann::json& json) {
  const std::vector<std::uint8_t> packed = nlohmann::json::to_msgpack(json);
  const auto* begin = reinterpret_cast<const std::byte*>(packed.data());
  return {begin, begin + packed.size()};
}

/// What `read(json)` makes of a message; std::runtime_error where it is none. `what`: "a rank's
/// measurement".
template <typename Read>
auto unpack(std::span<const std::byte> bytes, const std::string& what, Read read) {
  const auto* begin = reinterpret_cast<const std::uint8_t*>(bytes.data());
  try {
    return read(nlohmann::json::from_msgpack(begin, begin + bytes.size()));
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(
        what +
        " is not in the form of this build (do all ranks run the same build?): " + error.what());
  }
}

}  // namespace rackproof::harness::ranks
