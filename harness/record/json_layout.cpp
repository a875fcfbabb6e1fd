#include "harness/record/json_layout.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace rackproof::harness::record {
namespace {

using Json = nlohmann::ordered_json;

std::string plain(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void append(std::string& text, const Json& value, std::size_t indent) {
  const bool nested = value.is_object() ||
                      std::ranges::any_of(value, [](const Json& x) { return x.is_structured(); });
  if (!value.is_structured() || value.empty() || !nested) {
    text += plain(value);
    return;
  }
  const std::string inner(indent + 2, ' ');
  text += value.is_object() ? "{" : "[";
  bool first = true;
  for (const auto& [key, item] : value.items()) {
    text += first ? "\n" : ",\n";
    first = false;
    text += inner;
    if (value.is_object()) {
      text += plain(Json(key)) + ": ";
    }
    append(text, item, indent + 2);
  }
  text += "\n" + std::string(indent, ' ') + (value.is_object() ? "}" : "]");
}

}  // namespace

std::string lay_out(const nlohmann::ordered_json& document) {
  std::string text;
  append(text, document, 0);
  return text + "\n";
}

}  // namespace rackproof::harness::record
