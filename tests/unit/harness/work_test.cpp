/// Comparison of work counts with a baseline, its file, and the rules that no baseline excuses.

#include "harness/config/error.hpp"
#include "harness/work/baseline.hpp"
#include "tests/unit/harness/temporary_file.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace rackproof::harness::work {
namespace {

Entry entry(const std::string& name) {
  Entry result;
  result.name = name;
  result.variant = "sm80";
  result.minimum = {.flops = 1000, .bytes = 64, .accesses = 0};
  result.counts.kernels = 1;
  result.counts.warp_instructions = 100;
  result.counts.global_sectors = 8;
  result.counts.global_sectors_minimum = 8;
  result.counts.shared_wavefronts = 4;
  result.counts.shared_wavefronts_minimum = 4;
  result.resources.registers_per_thread = 32;
  return result;
}

Comparison one_comparison(const Entry& now, const Entry& before) {
  const std::vector<Comparison> all = compare({now}, {baseline_entry(before)});
  EXPECT_EQ(all.size(), 1U);
  return all.front();
}

TEST(WorkComparison, EachMetricAloneIsWorseWhenGreaterAndBetterWhenSmaller) {
  for (std::size_t i = 0; i < metrics().size(); ++i) {
    const std::string name(metrics()[i].name);
    BaselineEntry before = baseline_entry(entry("a"));
    before.values[i] += 1;
    EXPECT_EQ(compare({entry("a")}, {before}).front().verdict, Verdict::better) << name;
    before = baseline_entry(entry("a"));
    before.values[i] -= 1;
    const Comparison worse = compare({entry("a")}, {before}).front();
    EXPECT_EQ(worse.verdict, Verdict::worse) << name;
    EXPECT_TRUE(worse.differences.at(0).starts_with(name + " ")) << worse.differences.at(0);
  }
}

TEST(WorkComparison, WorseInOneCountIsWorseHoweverMuchBetterOthersAre) {
  Entry now = entry("a");
  now.counts.warp_instructions = 10;
  now.counts.barrier_waits = 1;
  EXPECT_EQ(one_comparison(now, entry("a")).verdict, Verdict::worse);
  now.counts.barrier_waits = 0;
  const Comparison better = one_comparison(now, entry("a"));
  EXPECT_EQ(better.verdict, Verdict::better);
  EXPECT_EQ(better.differences, (std::vector<std::string>{"warp_instructions 100 -> 10 (-90 %)"}));
  EXPECT_FALSE(fails(better.verdict));
}

TEST(WorkComparison, EqualIsEqual) {
  const Comparison same = one_comparison(entry("a"), entry("a"));
  EXPECT_EQ(same.verdict, Verdict::equal);
  EXPECT_TRUE(same.differences.empty());
  EXPECT_FALSE(fails(same.verdict));
}

TEST(WorkComparison, MissingAndAdditionalProblemsFail) {
  const std::vector<Comparison> all = compare(
      {entry("a"), entry("new")}, {baseline_entry(entry("old")), baseline_entry(entry("a"))});
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].verdict, Verdict::equal);
  EXPECT_EQ(all[1].verdict, Verdict::added);
  EXPECT_EQ(all[2].name, "old");
  EXPECT_EQ(all[2].verdict, Verdict::gone);
  EXPECT_TRUE(fails(Verdict::added) && fails(Verdict::gone) && fails(Verdict::worse));
}

TEST(WorkComparison, AnotherProblemOrVariantIsNoImprovement) {
  Entry now = entry("a");
  now.counts.warp_instructions = 10;
  now.minimum.flops = 500;
  EXPECT_EQ(one_comparison(now, entry("a")).verdict, Verdict::changed);
  now = entry("a");
  now.variant = "sm90";
  EXPECT_EQ(one_comparison(now, entry("a")).verdict, Verdict::changed);
  EXPECT_TRUE(fails(Verdict::changed));
}

TEST(WorkRules, HoldWhateverTheBaselineSays) {
  EXPECT_TRUE(broken_rules(entry("a")).empty());
  Entry bad = entry("a");
  bad.resources.spill_bytes_per_thread = 8;
  EXPECT_EQ(broken_rules(bad).size(), 1U);
  bad.counts.shared_wavefronts = 5;
  EXPECT_EQ(broken_rules(bad).size(), 2U);
  bad.counts.global_sectors = 9;
  ASSERT_EQ(broken_rules(bad).size(), 3U);
  EXPECT_EQ(broken_rules(bad)[1].rule, "bank_conflicts");
  EXPECT_EQ(broken_rules(bad)[1].what, "1 bank conflicts in 5 passes over shared memory");
}

TEST(WorkBaseline, IsReadAsItWasWritten) {
  const testing::TemporaryFolder folder;
  BaselineEntry accepting = baseline_entry(entry("a"));
  accepting.accepted["excess_sectors"] = "atomic additions of fragments";
  write_baseline({"gemm", "gb300-nvl72", "13.0", {accepting}}, folder.path());
  const Baseline read = read_baseline(baseline_file(folder.path(), "gemm"));
  EXPECT_EQ(read.operation, "gemm");
  EXPECT_EQ(read.rack, "gb300-nvl72");
  EXPECT_EQ(read.cuda_compiler, "13.0");
  EXPECT_EQ(read.problems.at(0).accepted, accepting.accepted);
  EXPECT_EQ(compare({entry("a")}, read.problems).front().verdict, Verdict::equal);
}

TEST(WorkBaseline, IsReadStrictly) {
  const testing::TemporaryFolder folder;
  write_baseline({"gemm", "gb300-nvl72", "13.0", {baseline_entry(entry("a"))}}, folder.path());
  const std::filesystem::path file = baseline_file(folder.path(), "gemm");
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  const auto problem_with = [&](const std::string& from, const std::string& to) {
    std::string changed = text.str();
    changed.replace(changed.find(from), from.size(), to);
    std::ofstream(file) << changed;
    return testing::message_of<config::ConfigError>(
        [&] { static_cast<void>(read_baseline(file)); });
  };
  EXPECT_NE(problem_with("\"barrier_waits\": 0", "\"barrier_wait\": 0").find("barrier_wait"),
            std::string::npos);
  EXPECT_NE(problem_with("\"kernels\": 1", "\"kernels\": -1").find("kernels"), std::string::npos);
  EXPECT_NE(problem_with("\"1.0\"", "\"2.0\"").find("schema_version"), std::string::npos);
}

}  // namespace
}  // namespace rackproof::harness::work
