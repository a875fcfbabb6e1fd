#include "harness/cli/journal.hpp"

#include "harness/record/atomic_file.hpp"
#include "harness/record/json_io.hpp"
#include "harness/report/html.hpp"

#include <algorithm>
#include <iostream>

namespace rackproof::harness::cli {
namespace {

constexpr const char* kRecordFile = "record.json";
constexpr const char* kReportFile = "report.html";
constexpr const char* kUnfinished = "The run was cut off; this is what was measured until then.";

/// Writing may cost this share of a run at most.
constexpr int kWritingShare = 10;

}  // namespace

Journal::Journal(record::Record record, ResultsDirectory directory)
    : record_(std::move(record)), directory_(std::move(directory)) {
  record_.notes.emplace_back(kUnfinished);
  record_.run.outcome = record::Outcome::failed;
  record_.run.duration_s = record::Reported<double>::missing("the run was cut off");
  directory_.create();
  write();
}

void Journal::write() {
  const Clock::time_point begin = Clock::now();
  record::write_record(record_, directory_.working_path() / kRecordFile);
  written_ = Clock::now();
  write_duration_ = written_ - begin;
}

void Journal::store(std::size_t index, record::Benchmark benchmark) {
  record_.benchmarks.at(index) = std::move(benchmark);
  if (Clock::now() - written_ < kWritingShare * write_duration_) {
    return;
  }
  try {
    write();
  } catch (const record::WriteError& error) {
    // The last word on this is finish(): the disk may have room again by then.
    std::cerr << "rackproof: warning: " << error.what() << '\n';
    written_ = Clock::now();
  }
}

void Journal::note(const std::string& sentence) {
  record_.notes.push_back(sentence);
}

void Journal::finish(record::Outcome outcome) {
  std::erase(record_.notes, kUnfinished);
  record_.run.outcome = outcome;
  record_.run.duration_s = std::chrono::duration<double>(Clock::now() - start_).count();
  write();
  report::write_html(record_, directory_.working_path() / kReportFile);
  directory_.publish();
}

void complete_partial(const ResultsDirectory& directory, const std::string& reason) {
  const std::filesystem::path file = directory.working_path() / kRecordFile;
  record::Record record = record::read_record(file);
  record.notes.push_back(reason);
  record::write_record(record, file);
  report::write_html(record, directory.working_path() / kReportFile);
  ResultsDirectory(directory).publish();
}

}  // namespace rackproof::harness::cli
