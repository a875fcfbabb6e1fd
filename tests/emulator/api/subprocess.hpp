#pragma once
/// Runs the probe in a process of its own, with the emulator's libraries and an environment.

#include <map>
#include <string>

namespace rackproof::test {

struct ProcessResult {
  int exit_code = -1;
  std::string output;  ///< stdout and stderr together
  /// Lines "key=value" of the output.
  std::map<std::string, std::string> answers;
};

/// `environment` is a shell prefix: "RACKPROOF_EMULATOR_RACK=dgx-h100 ...".
[[nodiscard]] ProcessResult run_probe(const std::string& environment, const std::string& arguments);

}  // namespace rackproof::test
