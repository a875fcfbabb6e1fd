#pragma once
/// How the program ends; docs/operator-guide.md explains each code.

#include "harness/record/record.hpp"

#include <exception>

namespace rackproof::harness::cli {

enum class ExitCode : int {
  ok = 0,
  usage = 2,          ///< a flag or a configuration file is wrong; nothing was written
  not_ready = 3,      ///< something is missing: driver, MPI, GPUs, a writable folder
  incomplete = 4,     ///< a time-out, a rank that died, a benchmark that failed
  wrong_results = 5,  ///< a result differs from its reference
  more_work = 6,      ///< `work`: a count is worse than its baseline, or a rule is broken
  nothing_ran = 77,   ///< a filter that matches nothing, no problem that this device supports
};

[[nodiscard]] constexpr int to_int(ExitCode code) {
  return static_cast<int>(code);
}

/// The code of an exception that ended a command.
[[nodiscard]] ExitCode exit_code_of(const std::exception& error);

/// The code of a run that came to its end: wrong results first, then failures.
[[nodiscard]] ExitCode exit_code_of(const record::Record& record);

/// The record's word for the same.
[[nodiscard]] record::Outcome outcome_of(ExitCode code);

}  // namespace rackproof::harness::cli
