#pragma once
/// A record to JSON and back. The document's form is configs/schema/record.schema.json.

#include "harness/record/record.hpp"

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

namespace rackproof::harness::record {

/// A file that is not a record: what() is "FILE: POINTER: problem".
class ReadError : public std::runtime_error {
 public:
  ReadError(std::string file, std::string pointer, const std::string& problem);
  [[nodiscard]] const std::string& file() const noexcept { return file_; }
  [[nodiscard]] const std::string& pointer() const noexcept { return pointer_; }

 private:
  std::string file_;
  std::string pointer_;
};

/// The document, indented, with a newline at its end. Throws InvalidRecord.
[[nodiscard]] std::string to_json(const Record& record);

/// Strict: an unknown, missing or mistyped field is a ReadError; `file` is for its message only.
[[nodiscard]] Record from_json(std::string_view text, const std::string& file);

/// Reads a file. Throws ReadError, also for a file that cannot be opened.
[[nodiscard]] Record read_record(const std::filesystem::path& path);

/// Writes through write_file_atomically(). Throws InvalidRecord and WriteError.
void write_record(const Record& record, const std::filesystem::path& path);

}  // namespace rackproof::harness::record
