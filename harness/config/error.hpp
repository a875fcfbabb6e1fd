#pragma once
/// What can be wrong before or around a run; each type has its exit code
/// (harness/cli/exit_code.hpp).

#include <stdexcept>
#include <string>

namespace rackproof::harness::config {

/// A wrong flag or configuration file. One line: the place, what is wrong, what is allowed.
class ConfigError : public std::runtime_error {
 public:
  explicit ConfigError(const std::string& message) : std::runtime_error(message) {}
  ConfigError(const std::string& place, const std::string& problem)
      : std::runtime_error(place + ": " + problem) {}
};

/// The machine is not ready: something is missing or too old. One line that ends with the fix.
class NotReady : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace rackproof::harness::config
