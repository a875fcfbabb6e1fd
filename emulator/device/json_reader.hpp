#pragma once
/// Strict reading of one JSON object: every problem names the file, the pointer and the fix.

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace rackproof::emulator::device {

/// Walks one object of a rack file and remembers which keys were read.
class JsonReader {
 public:
  /// `pointer` is the object's own JSON pointer ("" for the document).
  JsonReader(const nlohmann::json& value, std::string file, std::string pointer);

  [[nodiscard]] JsonReader object(std::string_view key);
  [[nodiscard]] std::string text(std::string_view key);
  [[nodiscard]] double positive_number(std::string_view key);
  [[nodiscard]] std::optional<double> positive_number_or_null(std::string_view key);
  [[nodiscard]] int integer(std::string_view key, int minimum);
  [[nodiscard]] std::optional<int> integer_or_null(std::string_view key, int minimum);
  [[nodiscard]] std::optional<std::vector<int>> integers_or_null(std::string_view key);
  [[nodiscard]] std::optional<std::vector<std::string>> texts_or_null(std::string_view key);
  /// Accepts a key whose value this reader has no use for.
  void ignore(std::string_view key) { static_cast<void>(find(key)); }
  /// Fails on a key that nobody asked for.
  void finish() const;
  [[noreturn]] void fail(std::string_view key, const std::string& problem,
                         const std::string& fix) const;

 private:
  const nlohmann::json& find(std::string_view key);

  const nlohmann::json& value_;
  std::string file_;
  std::string pointer_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace rackproof::emulator::device
