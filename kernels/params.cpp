#include "kernels/params.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace rackproof::kernels {
namespace {

std::string describe(const ParamValue& value) {
  struct Describe {
    std::string operator()(std::int64_t v) const { return "the integer " + std::to_string(v); }
    std::string operator()(double v) const { return "the number " + std::to_string(v); }
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(const std::string& v) const { return "the text '" + v + "'"; }
    std::string operator()(const std::vector<std::int64_t>&) const { return "a list of integers"; }
    std::string operator()(const std::vector<std::string>&) const { return "a list of texts"; }
  };
  return std::visit(Describe{}, value);
}

[[noreturn]] void throw_wrong_type(std::string_view key, const ParamValue& found,
                                   std::string_view wanted) {
  throw ParamError(std::string(key),
                   "expected " + std::string(wanted) + ", found " + describe(found));
}

[[noreturn]] void throw_missing(std::string_view key, std::string_view wanted) {
  throw ParamError(std::string(key), "is required (" + std::string(wanted) + ")");
}

/// Levenshtein distance: the fewest single-character edits that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

}  // namespace

ParamError::ParamError(std::string key, const std::string& problem)
    : std::runtime_error("'" + key + "' " + problem), key_(std::move(key)) {}

const ParamValue* ParamReader::find(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) {
    known_.emplace_back(key);
  }
  const auto found = values_.find(std::string(key));
  return found == values_.end() ? nullptr : &found->second;
}

bool ParamReader::has(std::string_view key) {
  return find(key) != nullptr;
}

bool ParamReader::is_text(std::string_view key) {
  const ParamValue* value = find(key);
  return value != nullptr && std::holds_alternative<std::string>(*value);
}

std::int64_t ParamReader::integer(std::string_view key) {
  const ParamValue* value = find(key);
  if (value == nullptr) {
    throw_missing(key, "an integer");
  }
  if (const auto* integer = std::get_if<std::int64_t>(value)) {
    return *integer;
  }
  throw_wrong_type(key, *value, "an integer");
}

std::int64_t ParamReader::integer_or(std::string_view key, std::int64_t fallback) {
  return has(key) ? integer(key) : fallback;
}

double ParamReader::number_or(std::string_view key, double fallback) {
  const ParamValue* value = find(key);
  if (value == nullptr) {
    return fallback;
  }
  if (const auto* number = std::get_if<double>(value)) {
    return *number;
  }
  if (const auto* integer = std::get_if<std::int64_t>(value)) {
    return static_cast<double>(*integer);
  }
  throw_wrong_type(key, *value, "a number");
}

bool ParamReader::flag_or(std::string_view key, bool fallback) {
  const ParamValue* value = find(key);
  if (value == nullptr) {
    return fallback;
  }
  if (const auto* flag = std::get_if<bool>(value)) {
    return *flag;
  }
  throw_wrong_type(key, *value, "true or false");
}

std::string ParamReader::text(std::string_view key) {
  const ParamValue* value = find(key);
  if (value == nullptr) {
    throw_missing(key, "a text");
  }
  if (const auto* text = std::get_if<std::string>(value)) {
    return *text;
  }
  throw_wrong_type(key, *value, "a text");
}

std::string ParamReader::text_or(std::string_view key, std::string_view fallback) {
  return has(key) ? text(key) : std::string(fallback);
}

std::vector<std::int64_t> ParamReader::integers_or(std::string_view key,
                                                   std::vector<std::int64_t> fallback) {
  const ParamValue* value = find(key);
  if (value == nullptr) {
    return fallback;
  }
  if (const auto* list = std::get_if<std::vector<std::int64_t>>(value)) {
    return *list;
  }
  if (const auto* integer = std::get_if<std::int64_t>(value)) {
    return {*integer};
  }
  throw_wrong_type(key, *value, "an integer or a list of integers");
}

std::vector<std::string> ParamReader::texts_or(std::string_view key,
                                               std::vector<std::string> fallback) {
  const ParamValue* value = find(key);
  if (value == nullptr) {
    return fallback;
  }
  if (const auto* list = std::get_if<std::vector<std::string>>(value)) {
    return *list;
  }
  if (const auto* text = std::get_if<std::string>(value)) {
    return {*text};
  }
  throw_wrong_type(key, *value, "a text or a list of texts");
}

void ParamReader::finish() const {
  for (const auto& [key, value] : values_) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) {
      continue;
    }
    const auto closest =
        std::min_element(known_.begin(), known_.end(), [&](const auto& a, const auto& b) {
          return edit_distance(key, a) < edit_distance(key, b);
        });
    throw ParamError(key, closest == known_.end()
                              ? std::string("is unknown; no parameter is allowed here")
                              : "is unknown; did you mean '" + *closest + "'?");
  }
}

}  // namespace rackproof::kernels
