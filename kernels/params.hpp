#pragma once
/// Typed parameters: what a suite file asks of an operation, and what a problem reports of itself.

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace rackproof::kernels {

/// A parameter is what JSON offers: number, text, flag, or a list of those numbers or texts.
using ParamValue = std::variant<std::int64_t, double, bool, std::string, std::vector<std::int64_t>,
                                std::vector<std::string>>;
using ParamMap = std::map<std::string, ParamValue>;

/// A bad parameter: names the key, what was found and what is allowed. The harness adds the place.
class ParamError : public std::runtime_error {
 public:
  ParamError(std::string key, const std::string& problem);
  [[nodiscard]] const std::string& key() const noexcept { return key_; }

 private:
  std::string key_;
};

/// Reads parameters by type and remembers which keys were asked for, so that a misspelt key is an
/// error and not a silently ignored wish.
class ParamReader {
 public:
  explicit ParamReader(ParamMap values) : values_(std::move(values)) {}

  [[nodiscard]] bool has(std::string_view key);
  /// True if the key is present and holds a text, for keys that take a text or a number.
  [[nodiscard]] bool is_text(std::string_view key);
  [[nodiscard]] std::int64_t integer(std::string_view key);
  [[nodiscard]] std::int64_t integer_or(std::string_view key, std::int64_t fallback);
  [[nodiscard]] double number_or(std::string_view key, double fallback);
  [[nodiscard]] bool flag_or(std::string_view key, bool fallback);
  [[nodiscard]] std::string text(std::string_view key);
  [[nodiscard]] std::string text_or(std::string_view key, std::string_view fallback);
  /// A single value or a list of them.
  [[nodiscard]] std::vector<std::int64_t> integers_or(std::string_view key,
                                                      std::vector<std::int64_t> fallback);
  [[nodiscard]] std::vector<std::string> texts_or(std::string_view key,
                                                  std::vector<std::string> fallback);

  /// Throws ParamError for a key that nobody asked for, naming the closest known one.
  void finish() const;

 private:
  const ParamValue* find(std::string_view key);

  ParamMap values_;
  std::vector<std::string> known_;
};

}  // namespace rackproof::kernels
