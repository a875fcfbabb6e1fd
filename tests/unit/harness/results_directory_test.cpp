#include "harness/cli/results_directory.hpp"

#include "harness/cli/journal.hpp"
#include "harness/config/error.hpp"
#include "harness/record/json_io.hpp"
#include "tests/unit/harness/temporary_file.hpp"

#include <gtest/gtest.h>

namespace rackproof::harness::cli {
namespace {

namespace fs = std::filesystem;
using testing::message_of;
using testing::TemporaryFolder;

/// Paths without --out are relative to the current folder.
class InFolder {
 public:
  explicit InFolder(const fs::path& folder) : before_(fs::current_path()) {
    fs::current_path(folder);
  }
  ~InFolder() { fs::current_path(before_); }
  InFolder(const InFolder&) = delete;
  InFolder& operator=(const InFolder&) = delete;

 private:
  fs::path before_;
};

record::Record minimal_record() {
  record::Record record;
  record.run.id = "id";
  record.run.started_at = "2026-11-22T01:45:00Z";
  record.run.suite = "smoke";
  record.run.command = {"rackproof"};
  record.run.build = {"0.1", std::string("abc"), false, "Release", "GNU 12", "nvcc 13"};
  record.software.architecture = "x86_64";
  record.rack_model = record::Reported<topology::RackFacts>::missing("none");
  return record;
}

TEST(ResultsDirectory, AppearsOnlyWhenItIsComplete) {
  const TemporaryFolder folder;
  ResultsDirectory results(folder.path() / "out");
  results.create();
  EXPECT_TRUE(results.has_partial());
  EXPECT_FALSE(fs::exists(folder.path() / "out"));
  std::ofstream(results.working_path() / "record.json") << "{}";
  results.publish();
  EXPECT_FALSE(results.has_partial());
  EXPECT_TRUE(fs::exists(folder.path() / "out" / "record.json"));
  EXPECT_FALSE(fs::exists(folder.path() / "latest")) << "latest is for results/local only";
}

TEST(ResultsDirectory, DropsFilesThatNobodyFinished) {
  const TemporaryFolder folder;
  ResultsDirectory results(folder.path() / "out");
  results.create();
  for (const char* name : {"whole.json", "torn.json"}) {
    std::ofstream(results.growing_file(name)) << "{";
  }
  results.finish_file("whole.json");
  results.finish_file("never_begun.json");
  results.publish();
  EXPECT_TRUE(fs::exists(folder.path() / "out" / "whole.json"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path() / "out"), {}), 1);
}

TEST(ResultsDirectory, LatestPointsToTheNewest) {
  const TemporaryFolder folder;
  const InFolder here(folder.path());
  for (int run = 0; run < 2; ++run) {
    ResultsDirectory results(choose_results_path(std::nullopt, "smoke"));
    results.create();
    results.publish();
    const fs::path latest = folder.path() / "results" / "local" / "latest";
    EXPECT_EQ(fs::read_symlink(latest), results.final_path().filename());
  }
}

TEST(ResultsDirectory, TwoRunsInOneSecondGetTwoNames) {
  const TemporaryFolder folder;
  const InFolder here(folder.path());
  ResultsDirectory first(choose_results_path(std::nullopt, "smoke"));
  first.create();
  EXPECT_NE(choose_results_path(std::nullopt, "smoke"), first.final_path());
}

TEST(ResultsDirectory, NeverOverwrites) {
  const TemporaryFolder folder;
  folder.write("old", "x");
  const std::string out = (folder.path() / "old").string();
  EXPECT_EQ(message_of<config::ConfigError>(
                [&] { static_cast<void>(choose_results_path(out, "smoke")); }),
            "--out: " + out + " exists already; give a new folder");
  EXPECT_EQ(choose_results_path((folder.path() / "new/").string(), "smoke"), folder.path() / "new");
}

TEST(Journal, LeavesAValidRecordAtEveryMoment) {
  const TemporaryFolder folder;
  const ResultsDirectory results(folder.path() / "out");
  Journal journal(minimal_record(), results);
  const record::Record early = record::read_record(results.working_path() / "record.json");
  EXPECT_EQ(early.run.outcome, record::Outcome::failed);
  EXPECT_FALSE(early.run.duration_s);
  ASSERT_EQ(early.notes.size(), 1U);
  journal.finish(record::Outcome::nothing_ran);
  const record::Record final_record = record::read_record(folder.path() / "out" / "record.json");
  EXPECT_TRUE(final_record.notes.empty());
  EXPECT_TRUE(final_record.run.duration_s);
  EXPECT_TRUE(fs::exists(folder.path() / "out" / "report.html"));
}

TEST(Journal, APartialRecordIsCompletedWithTheReason) {
  const TemporaryFolder folder;
  const ResultsDirectory results(folder.path() / "out");
  { const Journal journal(minimal_record(), results); }
  complete_partial(results, "a rank died");
  const record::Record record = record::read_record(folder.path() / "out" / "record.json");
  EXPECT_EQ(record.notes.back(), "a rank died");
  EXPECT_EQ(record.run.outcome, record::Outcome::failed);
  EXPECT_FALSE(results.has_partial());
}

}  // namespace
}  // namespace rackproof::harness::cli
