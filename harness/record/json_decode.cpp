#include "harness/record/json_decode.hpp"

#include <charconv>
#include <cmath>
#include <system_error>

namespace rackproof::harness::record {
namespace {

using Json = nlohmann::json;

template <typename T>
kernels::ParamValue decoded(const Json& json, const DocumentPlace& place) {
  T value{};
  decode(json, value, place);
  return value;
}

kernels::ParamValue parameter(const Json& json, const DocumentPlace& place) {
  if (json.is_boolean()) {
    return decoded<bool>(json, place);
  }
  if (json.is_number_integer()) {
    std::int64_t value = 0;
    decode_integer(json, value, place);
    return value;
  }
  if (json.is_number()) {
    return decoded<double>(json, place);
  }
  if (json.is_array()) {
    return !json.empty() && json.front().is_string()
               ? decoded<std::vector<std::string>>(json, place)
               : decoded<std::vector<std::int64_t>>(json, place);
  }
  return decoded<std::string>(json, place);
}

}  // namespace

DocumentPlace DocumentPlace::child(const std::string& key) const {
  DocumentPlace result{file, pointer + "/"};
  for (const char c : key) {
    if (c == '~') {
      result.pointer += "~0";
    } else if (c == '/') {
      result.pointer += "~1";
    } else {
      result.pointer += c;
    }
  }
  return result;
}

void DocumentPlace::fail(const std::string& problem) const {
  throw ReadError(file, pointer, problem);
}

void expect(bool right, const char* expected, const Json& found, const DocumentPlace& place) {
  if (!right) {
    place.fail(std::string("expected ") + expected + ", found " + found.type_name());
  }
}

void decode(const Json& json, std::string& value, const DocumentPlace& place) {
  expect(json.is_string(), "a text", json, place);
  value = json.get<std::string>();
  if (value.empty()) {
    place.fail("empty text; what is missing is null with a reason");
  }
}

void decode(const Json& json, bool& value, const DocumentPlace& place) {
  expect(json.is_boolean(), "true or false", json, place);
  value = json.get<bool>();
}

void decode(const Json& json, double& value, const DocumentPlace& place) {
  expect(json.is_number(), "a number", json, place);
  value = json.get<double>();
  if (!std::isfinite(value)) {
    place.fail("the number is too large");
  }
}

void decode(const Json& json, kernels::ComputeCapability& value, const DocumentPlace& place) {
  std::string text;
  decode(json, text, place);
  const char* const end = text.data() + text.size();
  const auto [dot, major_error] = std::from_chars(text.data(), end, value.major);
  bool right = major_error == std::errc{} && dot != end && *dot == '.';
  if (right) {
    const auto [rest, minor_error] = std::from_chars(dot + 1, end, value.minor);
    right = minor_error == std::errc{} && rest == end;
  }
  if (!right) {
    place.fail("expected a compute capability like \"10.3\"");
  }
}

void decode(const Json& json, std::vector<std::string>& values, const DocumentPlace& place) {
  expect(json.is_array(), "an array", json, place);
  for (std::size_t i = 0; i < json.size(); ++i) {
    expect(json[i].is_string(), "a text", json[i], place.child(std::to_string(i)));
    values.push_back(json[i].get<std::string>());
  }
}

void decode(const Json& json, std::vector<std::int64_t>& values, const DocumentPlace& place) {
  expect(json.is_array(), "an array", json, place);
  for (std::size_t i = 0; i < json.size(); ++i) {
    decode_integer(json[i], values.emplace_back(), place.child(std::to_string(i)));
  }
}

void decode(const Json& json, std::map<std::string, std::string>& values,
            const DocumentPlace& place) {
  expect(json.is_object(), "an object", json, place);
  for (const auto& [key, item] : json.items()) {
    expect(item.is_string(), "a text", item, place.child(key));
    values.emplace(key, item.get<std::string>());
  }
}

void decode(const Json& json, std::map<std::string, double, std::less<>>& values,
            const DocumentPlace& place) {
  expect(json.is_object(), "an object", json, place);
  for (const auto& [key, item] : json.items()) {
    decode(item, values[key], place.child(key));
  }
}

void decode(const Json& json, kernels::ParamMap& values, const DocumentPlace& place) {
  expect(json.is_object(), "an object", json, place);
  for (const auto& [key, item] : json.items()) {
    values.emplace(key, parameter(item, place.child(key)));
  }
}

}  // namespace rackproof::harness::record
