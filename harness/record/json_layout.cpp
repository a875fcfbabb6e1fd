#include "harness/record/json_layout.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace rackproof::harness::record {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLineWidth = 100;

std::string plain(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool holds_structure(const Json& value) {
  return std::ranges::any_of(value, [](const Json& x) { return x.is_structured(); });
}

/// Appends an array or object, each item through `item`, with the given separators.
template <typename AppendItem>
void append_items(std::string& text, const Json& value, const std::string& open,
                  const std::string& separator, const std::string& close, AppendItem item) {
  text += (value.is_object() ? "{" : "[") + open;
  bool first = true;
  for (const auto& [key, x] : value.items()) {
    text += first ? "" : separator;
    first = false;
    if (value.is_object()) {
      text += plain(Json(key)) + ": ";
    }
    item(x);
  }
  text += close + (value.is_object() ? "}" : "]");
}

void append(std::string& text, const Json& value, std::size_t indent) {
  if (!value.is_structured() || value.empty()) {
    text += plain(value);
    return;
  }
  if (!holds_structure(value)) {
    std::string line;
    append_items(line, value, "", ", ", "", [&](const Json& x) { line += plain(x); });
    if (value.is_array() || indent + line.size() <= kLineWidth) {
      text += line;
      return;
    }
  }
  std::string outer("\n");
  outer.append(indent, ' ');
  const std::string inner = outer + "  ";
  append_items(text, value, inner, "," + inner, outer,
               [&](const Json& x) { append(text, x, indent + 2); });
}

}  // namespace

std::string lay_out(const nlohmann::ordered_json& document) {
  std::string text;
  append(text, document, 0);
  return text + "\n";
}

}  // namespace rackproof::harness::record
