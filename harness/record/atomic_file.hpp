#pragma once
/// Files that are either the old ones or the new ones, never half of either.

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

namespace rackproof::harness::record {

/// A file could not be written. what() names the path and the system's reason; what was at the
/// path before is still there.
class WriteError : public std::runtime_error {
 public:
  WriteError(std::filesystem::path path, const std::string& problem);
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

/// Ends the name of a file that is not whole yet; one that a killed process left behind is rubbish.
inline constexpr std::string_view kGrowingSuffix = ".growing";

/// Writes a temporary file (its name ends in kGrowingSuffix) in the same folder, flushes it to the
/// disk and renames it to `path`. The folder must exist, and what is at `path`, links followed,
/// must be a regular file if anything. Throws WriteError and removes the temporary file.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

}  // namespace rackproof::harness::record
