#pragma once
/// Which environment variables a record may hold. Everything else stays out: an environment carries
/// tokens and passwords.

#include <map>
#include <string>
#include <string_view>

namespace rackproof::harness::record {

/// Whether a variable changes figures and cannot be a secret: listed by name, or by a prefix that
/// NVIDIA owns. Names that look like a credential are refused even then.
[[nodiscard]] bool is_recorded(std::string_view name);

/// The variables of this process that is_recorded() allows.
[[nodiscard]] std::map<std::string, std::string> recorded_environment();

}  // namespace rackproof::harness::record
