#include "emulator/device/json_reader.hpp"

#include "emulator/device/rack_file.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <limits>

namespace rackproof::emulator::device {

JsonReader::JsonReader(const nlohmann::json& value, std::string file, std::string pointer)
    : value_(value), file_(std::move(file)), pointer_(std::move(pointer)) {
  if (!value_.is_object()) {
    throw RackFileError(file_ + ": " + (pointer_.empty() ? "/" : pointer_) + ": is " +
                        value_.type_name() + ", not an object; write {...} here");
  }
}

void JsonReader::fail(std::string_view key, const std::string& problem,
                      const std::string& fix) const {
  std::string message = file_ + ": " + pointer_ + "/";
  message += key;
  throw RackFileError(message + ": " + problem + "; " + fix);
}

const nlohmann::json& JsonReader::find(std::string_view key) {
  known_.emplace(key);
  const auto found = value_.find(std::string(key));
  if (found == value_.end()) {
    fail(key, "is missing", "add it (docs/emulator.md, rack files)");
  }
  return *found;
}

JsonReader JsonReader::object(std::string_view key) {
  return {find(key), file_, pointer_ + "/" + std::string(key)};
}

std::string JsonReader::text(std::string_view key) {
  const nlohmann::json& value = find(key);
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
    fail(key, "is " + value.dump(), "write a text that is not empty");
  }
  return value.get<std::string>();
}

double JsonReader::positive_number(std::string_view key) {
  const auto number = positive_number_or_null(key);
  if (!number) {
    fail(key, "is null", "the emulator needs this figure: write a number above 0");
  }
  return *number;
}

std::optional<double> JsonReader::positive_number_or_null(std::string_view key) {
  const nlohmann::json& value = find(key);
  if (value.is_null()) {
    return std::nullopt;
  }
  if (!value.is_number() || !(value.get<double>() > 0) || !std::isfinite(value.get<double>())) {
    fail(key, "is " + value.dump(), "write a number above 0");
  }
  return value.get<double>();
}

int JsonReader::integer(std::string_view key, int minimum) {
  const auto number = integer_or_null(key, minimum);
  if (!number) {
    fail(key, "is null", "the emulator needs this figure: write a whole number");
  }
  return *number;
}

std::optional<int> JsonReader::integer_or_null(std::string_view key, int minimum) {
  const nlohmann::json& value = find(key);
  if (value.is_null()) {
    return std::nullopt;
  }
  if (!value.is_number_integer() || value.get<double>() < minimum ||
      value.get<double>() > std::numeric_limits<int>::max()) {
    fail(key, "is " + value.dump(), "write a whole number from " + std::to_string(minimum));
  }
  return value.get<int>();
}

std::optional<std::vector<int>> JsonReader::integers_or_null(std::string_view key) {
  const nlohmann::json& value = find(key);
  if (value.is_null()) {
    return std::nullopt;
  }
  std::vector<int> numbers;
  for (const nlohmann::json& element : value) {
    if (!element.is_number_integer() || element.get<int>() < 0) {
      fail(key, "holds " + element.dump(), "write whole numbers from 0");
    }
    numbers.push_back(element.get<int>());
  }
  return numbers;
}

std::optional<std::vector<std::string>> JsonReader::texts_or_null(std::string_view key) {
  const nlohmann::json& value = find(key);
  if (value.is_null()) {
    return std::nullopt;
  }
  std::vector<std::string> texts;
  for (const nlohmann::json& element : value) {
    if (!element.is_string()) {
      fail(key, "holds " + element.dump(), "write texts");
    }
    texts.push_back(element.get<std::string>());
  }
  return texts;
}

void JsonReader::finish() const {
  for (const auto& [key, value] : value_.items()) {
    if (!known_.contains(key)) {
      fail(key, "is not a key of a rack file", "remove it or correct its spelling");
    }
  }
}

}  // namespace rackproof::emulator::device
