#pragma once
/// The record while it is being made: on the disk it is complete and valid after each benchmark, so
/// that whatever ends a run leaves everything that was measured until then.

#include "harness/cli/exit_code.hpp"
#include "harness/cli/results_directory.hpp"
#include "harness/record/record.hpp"

#include <chrono>
#include <string>

namespace rackproof::harness::cli {

class Journal {
 public:
  /// `record` holds every planned benchmark as not run. Creates the working folder and writes
  /// there.
  Journal(record::Record record, ResultsDirectory directory);

  [[nodiscard]] const record::Record& current() const { return record_; }
  [[nodiscard]] const ResultsDirectory& directory() const { return directory_; }

  /// Replaces benchmark `index` and writes, unless writing took much of the time since last time.
  void store(std::size_t index, record::Benchmark benchmark);
  void note(const std::string& sentence);
  /// Writes record and report and gives the folder its name. A disk that is full: throws
  /// record::WriteError; what was written before stays in the working folder.
  void finish(record::Outcome outcome);

 private:
  using Clock = std::chrono::steady_clock;

  void write();

  record::Record record_;
  ResultsDirectory directory_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point written_ = start_;
  Clock::duration write_duration_{};
};

/// Completes what a run that was cut off has left: adds `reason` to the notes and to the benchmarks
/// that were not reached, renders the report, and gives the folder its name.
void complete_partial(const ResultsDirectory& directory, const std::string& reason);

}  // namespace rackproof::harness::cli
