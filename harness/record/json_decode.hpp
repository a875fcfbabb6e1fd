#pragma once
/// Strict decoding of plain JSON values: the right type and range, or a ReadError with the place.

#include "harness/record/json_io.hpp"

#include <nlohmann/json.hpp>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace rackproof::harness::record {

/// Where in which file a value stands.
struct DocumentPlace {
  std::string file;
  std::string pointer;  ///< JSON pointer, RFC 6901

  /// The place of a member; escapes the key.
  [[nodiscard]] DocumentPlace child(const std::string& key) const;
  [[noreturn]] void fail(const std::string& problem) const;
};

/// Fails with "expected X, found Y" unless `right`.
void expect(bool right, const char* expected, const nlohmann::json& found,
            const DocumentPlace& place);

void decode(const nlohmann::json& json, std::string& value, const DocumentPlace& place);
void decode(const nlohmann::json& json, bool& value, const DocumentPlace& place);
void decode(const nlohmann::json& json, double& value, const DocumentPlace& place);
void decode(const nlohmann::json& json, kernels::ComputeCapability& value,
            const DocumentPlace& place);
void decode(const nlohmann::json& json, std::vector<std::string>& values,
            const DocumentPlace& place);
void decode(const nlohmann::json& json, std::vector<std::int64_t>& values,
            const DocumentPlace& place);
void decode(const nlohmann::json& json, std::map<std::string, std::string>& values,
            const DocumentPlace& place);
void decode(const nlohmann::json& json, std::map<std::string, double, std::less<>>& values,
            const DocumentPlace& place);
void decode(const nlohmann::json& json, kernels::ParamMap& values, const DocumentPlace& place);

template <typename Integer>
void decode_integer(const nlohmann::json& json, Integer& value, const DocumentPlace& place) {
  expect(json.is_number_integer(), "an integer", json, place);
  const bool fits = json.is_number_unsigned() ? std::in_range<Integer>(json.get<std::uint64_t>())
                                              : std::in_range<Integer>(json.get<std::int64_t>());
  if (!fits) {
    place.fail("the integer is out of range");
  }
  value = json.get<Integer>();
}

}  // namespace rackproof::harness::record
