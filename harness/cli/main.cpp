#include "harness/cli/arguments.hpp"
#include "harness/cli/commands.hpp"
#include "harness/cli/launch.hpp"

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

/// One line, from one rank: what all ranks found wrong need not be said 72 times.
void explain(const std::exception& error) {
  const auto launcher = launcher_rank();
  if (launcher && launcher->rank != 0) {
    return;
  }
  std::string text = error.what();
  std::replace(text.begin(), text.end(), '\n', ' ');
  fmt::print(stderr, "rackproof: error: {}\n", text);
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
