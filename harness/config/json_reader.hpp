#pragma once
/// Strict reading of configuration files: every error names the file and the JSON pointer, and a
/// key that nobody asked for is an error.

#include "harness/config/error.hpp"
#include "kernels/params.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rackproof::harness::config {

/// One object of a configuration file. Remembers which keys were asked for; finish() rejects the
/// others. Copies share the document.
class ObjectReader {
 public:
  [[nodiscard]] bool has(std::string_view key);
  [[nodiscard]] std::string text(std::string_view key);
  [[nodiscard]] std::string text_or(std::string_view key, std::string_view fallback);
  /// One of `allowed`; anything else is an error with a suggestion.
  [[nodiscard]] std::string choice(std::string_view key, const std::vector<std::string>& allowed);
  /// The text at `key` must be `expected`.
  void expect(std::string_view key, const std::string& expected) {
    static_cast<void>(choice(key, {expected}));
  }
  [[nodiscard]] std::vector<std::string> choices_or(std::string_view key,
                                                    const std::vector<std::string>& allowed,
                                                    const std::vector<std::string>& fallback);
  /// Inclusive bounds; a fraction where an integer is asked for is an error.
  [[nodiscard]] std::int64_t integer(std::string_view key, std::int64_t minimum,
                                     std::int64_t maximum);
  [[nodiscard]] double number(std::string_view key, double minimum, double maximum);
  [[nodiscard]] bool flag(std::string_view key);
  [[nodiscard]] ObjectReader object(std::string_view key);
  [[nodiscard]] std::vector<ObjectReader> objects(std::string_view key);  ///< empty if absent
  /// All members of this object, each a number of at least `minimum` or null.
  [[nodiscard]] std::vector<std::pair<std::string, std::optional<double>>> numbers_or_null(
      double minimum);
  /// All members of this object as parameters of an operation.
  [[nodiscard]] kernels::ParamMap params();
  /// Marks keys that are known but of no use to this reader.
  void ignore(std::initializer_list<std::string_view> keys);
  /// Throws ConfigError for a key that nobody asked for.
  void finish() const;

  /// "file.json#/operations/0/params/m"
  [[nodiscard]] std::string place(std::string_view key = {}) const;
  /// Throws ConfigError at `key`.
  [[noreturn]] void fail(std::string_view key, const std::string& problem) const;

 private:
  friend ObjectReader read_object(const std::filesystem::path& file);
  ObjectReader(std::shared_ptr<const nlohmann::json> document, const nlohmann::json& value,
               std::string file, std::string pointer);

  const nlohmann::json* find(std::string_view key);
  const nlohmann::json& require(std::string_view key);

  std::shared_ptr<const nlohmann::json> document_;
  const nlohmann::json* value_;
  std::string file_;
  std::string pointer_;
  std::vector<std::string> known_;
};

/// Opens a configuration file whose top level is an object. Throws ConfigError with line and column
/// for text that is not JSON, and for a key that appears twice in one object.
[[nodiscard]] ObjectReader read_object(const std::filesystem::path& file);

}  // namespace rackproof::harness::config
