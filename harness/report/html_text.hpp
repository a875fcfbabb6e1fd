#pragma once
/// Pieces of HTML that every section uses. Whatever comes from a record goes through escape().

#include "harness/record/record.hpp"

#include <string>
#include <string_view>

namespace rackproof::harness::report {

/// Text as HTML text or as the value of a quoted attribute.
[[nodiscard]] std::string escape(std::string_view text);

/// A benchmark's name, escaped, that a narrow column may break after each slash.
[[nodiscard]] std::string breakable(std::string_view name);

/// "modelled" or "measured" beside a heading.
[[nodiscard]] std::string basis_badge(record::Basis basis);

/// A grey "-" that tells the reason when pointed at; the reason is also read aloud.
[[nodiscard]] std::string missing(std::string_view reason);

/// The figure, or missing() with its reason.
[[nodiscard]] std::string figure_or_missing(const record::Reported<record::Throughput>& rate);

/// duration() with the micro sign that HTML can show.
[[nodiscard]] std::string html_duration(double seconds);

/// A row of a two-column list of facts; `value` is HTML.
[[nodiscard]] std::string fact(std::string_view name, const std::string& value);
[[nodiscard]] std::string fact(std::string_view name, const record::Reported<std::string>& value);

}  // namespace rackproof::harness::report
