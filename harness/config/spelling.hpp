#pragma once
/// "Did you mean ...?" for misspelt keys and names.

#include <span>
#include <string>
#include <string_view>

namespace rackproof::harness::config {

/// The candidate with the smallest edit distance to `word`, if that is at most a third of the
/// word's length (at least 1); else empty.
[[nodiscard]] std::string closest(std::string_view word, std::span<const std::string> candidates);

/// " (did you mean \"types\"?)", or " (allowed: a, b)" where nothing is close.
[[nodiscard]] std::string suggestion(std::string_view word,
                                     std::span<const std::string> candidates);

}  // namespace rackproof::harness::config
