#pragma once
/// How the document looks as text: indented, what holds plain values only on one line.

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace rackproof::harness::record {

/// The document as text with a newline at its end. Bytes that are not UTF-8 are replaced.
[[nodiscard]] std::string lay_out(const nlohmann::ordered_json& document);

}  // namespace rackproof::harness::record
