#pragma once
/// One rank of a run, from the topology to the record.

#include "harness/cli/arguments.hpp"
#include "harness/cli/exit_code.hpp"

namespace rackproof::harness::cli {

/// Takes this process's place among the ranks of its launcher, or is the only rank. All ranks
/// return the same code. After a time-out it does not return: the job is ended.
[[nodiscard]] ExitCode run_as_rank(const RunCommand& command, const Arguments& arguments, int argc,
                                   char** argv);

}  // namespace rackproof::harness::cli
