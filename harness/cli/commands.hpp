#pragma once
/// The subcommands. Each returns its exit code or throws; main() explains what was thrown.

#include "harness/cli/arguments.hpp"
#include "harness/cli/exit_code.hpp"

namespace rackproof::harness::cli {

/// Operations with variants, collectives, suites, racks.
[[nodiscard]] ExitCode list();

/// Every planned benchmark with its size and the reason: for the GPUs of this machine, or for the
/// named rack without emulating it.
[[nodiscard]] ExitCode plan(const PlanCommand& command);

/// Starts the ranks, or takes its place among them under a launcher.
[[nodiscard]] ExitCode run(const RunCommand& command, const Arguments& arguments, int argc,
                           char** argv);

/// Prints the tables of a record and writes its HTML again.
[[nodiscard]] ExitCode report(const ReportCommand& command);

/// Counts the work of canonical problems on the emulator and compares it with the baselines. Exit
/// code more_work where a count is worse, a rule is broken, or a problem is added or gone.
[[nodiscard]] ExitCode work(const WorkCommand& command, char** argv);

}  // namespace rackproof::harness::cli
