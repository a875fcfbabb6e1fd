#pragma once
/// A record as one HTML file that stands alone: styles and pictures inline, no script, no request
/// to anywhere. Readable on paper, in the dark and on a narrow screen.

#include "harness/record/record.hpp"

#include <filesystem>
#include <string>

namespace rackproof::harness::report {

[[nodiscard]] std::string to_html(const record::Record& record);

/// Writes through record::write_file_atomically(). Throws record::WriteError.
void write_html(const record::Record& record, const std::filesystem::path& path);

}  // namespace rackproof::harness::report
