#pragma once
/// A fact that the system may or may not report: a value, or the reason why there is none.

#include <optional>
#include <string>
#include <utility>

namespace rackproof::harness::topology {

/// Never a zero or an empty text in place of something unknown: either `value()` or `reason()`.
template <typename T>
class Reported {
 public:
  /// Not asked yet.
  Reported() : reason_("not queried") {}
  Reported(T value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  [[nodiscard]] static Reported missing(std::string reason) {
    Reported result;
    result.reason_ = std::move(reason);
    return result;
  }

  [[nodiscard]] explicit operator bool() const noexcept { return value_.has_value(); }
  [[nodiscard]] const T& operator*() const { return *value_; }
  [[nodiscard]] const T* operator->() const { return &*value_; }
  [[nodiscard]] T value_or(T fallback) const { return value_.value_or(std::move(fallback)); }
  [[nodiscard]] const std::optional<T>& value() const noexcept { return value_; }
  /// Empty when there is a value.
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

 private:
  std::optional<T> value_;
  std::string reason_;
};

}  // namespace rackproof::harness::topology
