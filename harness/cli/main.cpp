#include "harness/cli/arguments.hpp"
#include "harness/cli/commands.hpp"
#include "harness/cli/launch.hpp"
#include "harness/config/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

using namespace rackproof::harness::cli;

ExitCode dispatch(const Arguments& arguments, int argc, char** argv) {
  struct Visitor {
    ExitCode operator()(const ListCommand& /*command*/) const { return list(); }
    ExitCode operator()(const PlanCommand& command) const { return plan(command); }
    ExitCode operator()(const RunCommand& command) const {
      return run(command, arguments, argc, argv);
    }
    ExitCode operator()(const ReportCommand& command) const { return report(command); }
    ExitCode operator()(const WorkCommand& command) const { return work(command, argv); }
    ExitCode operator()(const Help& help) const {
      fmt::print("{}", help.text);
      return ExitCode::ok;
    }
    const Arguments& arguments;
    int argc;
    char** argv;
  };
  return std::visit(Visitor{arguments, argc, argv}, arguments.command);
}

/// One line. What is wrong with the request all ranks of a host find, and need not say it 72 times;
/// files differ between hosts, and anything else may have happened on this rank only.
void explain(const std::exception& error) {
  using rackproof::harness::config::ConfigError;
  const auto launcher = launcher_rank();
  const bool is_other_rank = launcher && launcher->rank != 0;
  if (launcher && launcher->local_rank != 0 &&
      dynamic_cast<const ConfigError*>(&error) != nullptr) {
    return;
  }
  const std::string rank = is_other_rank ? fmt::format("rank {}: ", launcher->rank) : "";
  std::string text = error.what();
  std::replace(text.begin(), text.end(), '\n', ' ');
  fmt::print(stderr, "rackproof: error: {}{}\n", rank, text);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return to_int(dispatch(parse_arguments({argv + 1, argv + argc}), argc, argv));
  } catch (const std::exception& error) {
    explain(error);
    return to_int(exit_code_of(error));
  }
}
