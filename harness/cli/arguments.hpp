#pragma once
/// The command line as data.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace rackproof::harness::cli {

/// What `run` and `plan` have in common.
struct Target {
  std::optional<std::string> emulate;  ///< name in configs/racks or path
  std::optional<int> trays;
  std::optional<std::string> suite;  ///< name in configs/suites or path
  std::optional<std::string> filter;
};

struct ListCommand {};

struct PlanCommand {
  Target target;
};

struct RunCommand {
  Target target;
  std::optional<std::string> out;
  std::uint64_t seed = 1;
  std::optional<double> timeout_s;
  std::optional<std::string> plant;
  std::vector<std::string> benchmark_flags;  ///< after "--"
};

struct ReportCommand {
  std::string record;
  std::optional<std::string> html;  ///< default: report.html beside the record
};

struct WorkCommand {
  std::optional<std::string> emulate;    ///< name in configs/racks or path; default gb300-nvl72
  std::string suite = "work";            ///< name in configs/suites or path
  std::optional<std::string> filter;     ///< a part of the suite
  std::optional<std::string> baselines;  ///< folder; default results/baselines/work
  bool update = false;
  bool json = false;
};

/// --help or --version: text for standard output.
struct Help {
  std::string text;
};

struct Arguments {
  std::variant<ListCommand, PlanCommand, RunCommand, ReportCommand, WorkCommand, Help> command;
  std::vector<std::string> words;  ///< as given, without the program
};

/// Throws config::ConfigError: one line with the flag and the fix.
[[nodiscard]] Arguments parse_arguments(const std::vector<std::string>& words);

}  // namespace rackproof::harness::cli
