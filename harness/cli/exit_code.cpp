#include "harness/cli/exit_code.hpp"

#include "collectives/errors.hpp"
#include "harness/config/error.hpp"
#include "harness/record/atomic_file.hpp"
#include "harness/record/json_io.hpp"
#include "runtime/error.hpp"

#include <algorithm>

namespace rackproof::harness::cli {

ExitCode exit_code_of(const std::exception& error) {
  if (dynamic_cast<const config::ConfigError*>(&error) != nullptr ||
      dynamic_cast<const record::ReadError*>(&error) != nullptr) {
    return ExitCode::usage;
  }
  if (dynamic_cast<const config::NotReady*>(&error) != nullptr ||
      dynamic_cast<const runtime::NotAvailable*>(&error) != nullptr ||
      dynamic_cast<const collectives::BootstrapError*>(&error) != nullptr ||
      dynamic_cast<const record::WriteError*>(&error) != nullptr) {
    return ExitCode::not_ready;
  }
  return ExitCode::incomplete;
}

ExitCode exit_code_of(const record::Record& record) {
  const auto any = [&](record::Status status) {
    return std::ranges::any_of(record.benchmarks, [status](const record::Benchmark& benchmark) {
      return benchmark.status == status;
    });
  };
  if (any(record::Status::wrong)) {
    return ExitCode::wrong_results;
  }
  if (any(record::Status::failed)) {
    return ExitCode::incomplete;
  }
  return any(record::Status::ok) ? ExitCode::ok : ExitCode::nothing_ran;
}

record::Outcome outcome_of(ExitCode code) {
  switch (code) {
    case ExitCode::ok:
      return record::Outcome::ok;
    case ExitCode::wrong_results:
      return record::Outcome::wrong_results;
    case ExitCode::nothing_ran:
      return record::Outcome::nothing_ran;
    case ExitCode::usage:
    case ExitCode::not_ready:
    case ExitCode::incomplete:
    case ExitCode::more_work:
      break;
  }
  return record::Outcome::failed;
}

}  // namespace rackproof::harness::cli
