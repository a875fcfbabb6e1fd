#include "harness/config/json_reader.hpp"

#include "harness/config/spelling.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>

namespace rackproof::harness::config {
namespace {

using Json = nlohmann::json;

/// RFC 6901: "~" and "/" inside a key are escaped.
std::string escaped(std::string_view key) {
  std::string result;
  for (const char c : key) {
    result += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  }
  return result;
}

std::string kind_of(const Json& value) {
  if (value.is_string()) {
    return "the text \"" + value.get<std::string>() + "\"";
  }
  if (value.is_number() || value.is_boolean() || value.is_null()) {
    return value.dump();
  }
  return value.is_array() ? "a list" : "an object";
}

std::string shortest(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

/// "line:column" of a byte offset, both from 1.
std::string line_and_column(const std::string& text, std::size_t byte) {
  const std::string_view before = std::string_view(text).substr(0, std::min(byte, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t newline = before.rfind('\n');
  const std::size_t column =
      newline == std::string_view::npos ? before.size() : before.size() - newline - 1;
  return std::to_string(line) + ":" + std::to_string(column);
}

/// The library keeps the last of two equal keys silently; a configuration must not lose one.
class DuplicateKeys {
 public:
  bool operator()(int /*depth*/, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) {
      seen_.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      seen_.pop_back();
    } else if (event == Json::parse_event_t::key) {
      const std::string key = parsed.get<std::string>();
      if (!seen_.back().insert(key).second && duplicate_.empty()) {
        duplicate_ = key;
      }
    }
    return true;
  }
  [[nodiscard]] const std::string& first() const { return duplicate_; }

 private:
  std::vector<std::set<std::string>> seen_;
  std::string duplicate_;
};

/// The library's text without its "[json.exception...] parse error at line 1, column 2: " prefix.
std::string parse_problem(const Json::parse_error& error) {
  std::string text = error.what();
  if (const std::size_t colon = text.find(": "); colon != std::string::npos) {
    text.erase(0, colon + 2);
  }
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

ObjectReader read_object(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream buffer;
  if (!stream || !(buffer << stream.rdbuf())) {
    throw ConfigError(file.string(), "cannot be read; give the path of a JSON file");
  }
  const std::string text = buffer.str();
  DuplicateKeys duplicates;
  auto document = std::make_shared<Json>();
  try {
    *document = Json::parse(text, std::ref(duplicates));
  } catch (const Json::parse_error& error) {
    throw ConfigError(file.string() + ":" + line_and_column(text, error.byte),
                      "not valid JSON: " + parse_problem(error));
  } catch (const Json::out_of_range& error) {
    throw ConfigError(file.string(),
                      std::string("holds a number that no double holds: ") + error.what());
  }
  if (!duplicates.first().empty()) {
    throw ConfigError(file.string(),
                      "key \"" + duplicates.first() + "\" appears twice in one object; keep one");
  }
  if (!document->is_object()) {
    throw ConfigError(file.string(),
                      "the top level must be an object, found " + kind_of(*document));
  }
  const Json& root = *document;
  return ObjectReader(std::move(document), root, file.string(), "");
}

ObjectReader::ObjectReader(std::shared_ptr<const Json> document, const Json& value,
                           std::string file, std::string pointer)
    : document_(std::move(document)),
      value_(&value),
      file_(std::move(file)),
      pointer_(std::move(pointer)) {}

const Json* ObjectReader::find(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) {
    known_.emplace_back(key);
  }
  const auto found = value_->find(std::string(key));
  return found == value_->end() ? nullptr : &*found;
}

const Json& ObjectReader::require(std::string_view key) {
  const Json* value = find(key);
  if (value == nullptr) {
    for (const auto& member : value_->items()) {
      const std::vector<std::string> wanted{std::string(key)};
      if (!closest(member.key(), wanted).empty()) {
        fail(member.key(), "unknown key" + suggestion(member.key(), wanted));
      }
    }
    fail({}, "key \"" + std::string(key) + "\" is missing");
  }
  return *value;
}

bool ObjectReader::has(std::string_view key) {
  return find(key) != nullptr;
}

std::string ObjectReader::text(std::string_view key) {
  const Json& value = require(key);
  if (!value.is_string()) {
    fail(key, "must be a text, found " + kind_of(value));
  }
  return value.get<std::string>();
}

std::string ObjectReader::text_or(std::string_view key, std::string_view fallback) {
  return has(key) ? text(key) : std::string(fallback);
}

std::string ObjectReader::choice(std::string_view key, const std::vector<std::string>& allowed) {
  std::string value = text(key);
  if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
    fail(key, "unknown value \"" + value + "\"" + suggestion(value, allowed));
  }
  return value;
}

std::vector<std::string> ObjectReader::choices_or(std::string_view key,
                                                  const std::vector<std::string>& allowed,
                                                  const std::vector<std::string>& fallback) {
  const Json* list = find(key);
  if (list == nullptr) {
    return fallback;
  }
  if (!list->is_array() || list->empty()) {
    fail(key, "must be a list of texts with at least one entry, found " + kind_of(*list));
  }
  std::vector<std::string> result;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string element = std::string(key) + "/" + std::to_string(i);
    const Json& entry = (*list)[i];
    if (!entry.is_string()) {
      fail(element, "must be a text, found " + kind_of(entry));
    }
    const std::string value = entry.get<std::string>();
    if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
      fail(element, "unknown value \"" + value + "\"" + suggestion(value, allowed));
    }
    if (std::find(result.begin(), result.end(), value) != result.end()) {
      fail(element, "\"" + value + "\" appears twice");
    }
    result.push_back(value);
  }
  return result;
}

std::int64_t ObjectReader::integer(std::string_view key, std::int64_t minimum,
                                   std::int64_t maximum) {
  const Json& value = require(key);
  const bool too_large = value.is_number_unsigned() &&
                         value.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
  if (!value.is_number_integer() || too_large) {
    fail(key, "must be an integer, found " + kind_of(value));
  }
  const auto number = value.get<std::int64_t>();
  if (number < minimum || number > maximum) {
    fail(key, "must be between " + std::to_string(minimum) + " and " + std::to_string(maximum) +
                  ", found " + std::to_string(number));
  }
  return number;
}

double ObjectReader::number(std::string_view key, double minimum, double maximum) {
  const Json& value = require(key);
  if (!value.is_number()) {
    fail(key, "must be a number, found " + kind_of(value));
  }
  const auto number = value.get<double>();
  if (!(number >= minimum && number <= maximum)) {
    fail(key, "must be between " + shortest(minimum) + " and " + shortest(maximum) + ", found " +
                  value.dump());
  }
  return number;
}

bool ObjectReader::flag(std::string_view key) {
  const Json& value = require(key);
  if (!value.is_boolean()) {
    fail(key, "must be true or false, found " + kind_of(value));
  }
  return value.get<bool>();
}

ObjectReader ObjectReader::object(std::string_view key) {
  const Json& value = require(key);
  if (!value.is_object()) {
    fail(key, "must be an object, found " + kind_of(value));
  }
  return {document_, value, file_, pointer_ + "/" + escaped(key)};
}

std::vector<ObjectReader> ObjectReader::objects(std::string_view key) {
  const Json* list = find(key);
  if (list == nullptr) {
    return {};
  }
  if (!list->is_array()) {
    fail(key, "must be a list of objects, found " + kind_of(*list));
  }
  std::vector<ObjectReader> result;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string index = std::to_string(i);
    if (!(*list)[i].is_object()) {
      fail(std::string(key) + "/" + index, "must be an object, found " + kind_of((*list)[i]));
    }
    result.push_back(
        ObjectReader(document_, (*list)[i], file_, pointer_ + "/" + escaped(key) + "/" + index));
  }
  return result;
}

std::vector<std::pair<std::string, std::optional<double>>> ObjectReader::numbers_or_null(
    double minimum) {
  std::vector<std::pair<std::string, std::optional<double>>> result;
  for (const auto& member : value_->items()) {
    result.emplace_back(member.key(), std::nullopt);
    known_.push_back(member.key());
    if (!member.value().is_null()) {
      result.back().second = number(member.key(), minimum, HUGE_VAL);
    }
  }
  return result;
}

kernels::ParamMap ObjectReader::params() {
  kernels::ParamMap result;
  for (const auto& [key, value] : value_->items()) {
    known_.push_back(key);
    const auto all = [&value = value](auto predicate) {
      return value.is_array() && !value.empty() &&
             std::all_of(value.begin(), value.end(), predicate);
    };
    if (value.is_boolean()) {
      result[key] = value.get<bool>();
    } else if (value.is_number_integer()) {
      result[key] = integer(key, INT64_MIN, INT64_MAX);
    } else if (value.is_number()) {
      result[key] = value.get<double>();
    } else if (value.is_string()) {
      result[key] = value.get<std::string>();
    } else if (all([](const Json& entry) { return entry.is_number_integer(); })) {
      result[key] = value.get<std::vector<std::int64_t>>();
    } else if (all([](const Json& entry) { return entry.is_string(); })) {
      result[key] = value.get<std::vector<std::string>>();
    } else {
      fail(key,
           "must be a number, a text, true or false, or a non-empty list of integers or of "
           "texts, found " +
               kind_of(value));
    }
  }
  return result;
}

void ObjectReader::ignore(std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    known_.emplace_back(key);
  }
}

void ObjectReader::finish() const {
  for (const auto& member : value_->items()) {
    if (std::find(known_.begin(), known_.end(), member.key()) == known_.end()) {
      fail(member.key(), "unknown key" + suggestion(member.key(), known_));
    }
  }
}

std::string ObjectReader::place(std::string_view key) const {
  std::string result = file_ + "#" + pointer_;
  if (!key.empty()) {
    result += "/";
    result += key;
  }
  return result;
}

void ObjectReader::fail(std::string_view key, const std::string& problem) const {
  throw ConfigError(place(key), problem);
}

}  // namespace rackproof::harness::config
