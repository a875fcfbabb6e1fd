#include "harness/gbench/flags.hpp"

#include "harness/config/error.hpp"
#include "tests/unit/harness/temporary_file.hpp"

#include <gtest/gtest.h>

namespace rackproof::harness::gbench {
namespace {

using testing::message_of;

std::string problem_of(const std::string& flag) {
  return message_of<config::ConfigError>([&] { check_flags({flag}); });
}

TEST(BenchmarkFlags, AcceptsWhatKeepsRanksTogether) {
  check_flags({"--benchmark_filter=gemm", "--benchmark_format=json", "--benchmark_color=false",
               "--benchmark_counters_tabular=true", "--benchmark_context=a=b", "--v=1"});
}

TEST(BenchmarkFlags, ExplainsWhatItRefuses) {
  EXPECT_EQ(problem_of("--benchmark_fliter=x"),
            "after \"--\": unknown Google Benchmark flag --benchmark_fliter (did you mean "
            "\"benchmark_filter\"?)");
  EXPECT_NE(problem_of("--benchmark_repetitions=3").find("\"statistics\" in the suite file"),
            std::string::npos);
  EXPECT_NE(problem_of("--benchmark_enable_random_interleaving").find("same order"),
            std::string::npos);
  EXPECT_NE(problem_of("--benchmark_format=xml").find("does not take \"xml\""), std::string::npos);
  EXPECT_NE(problem_of("gemm").find("is not a flag"), std::string::npos);
  EXPECT_NE(problem_of("--benchmark_filter=(").find("not a regular expression"), std::string::npos);
}

TEST(BenchmarkFlags, FilterMatchesTheDisplayedName) {
  const std::string name = displayed_name("gemm/bf16/m1n1k1");
  EXPECT_EQ(name, "gemm/bf16/m1n1k1/iterations:1/manual_time");
  EXPECT_TRUE(passes_filter({}, name));
  EXPECT_TRUE(passes_filter({"--benchmark_filter=all"}, name));
  EXPECT_TRUE(passes_filter({"--benchmark_filter=^gemm.*manual_time$"}, name));
  EXPECT_FALSE(passes_filter({"--benchmark_filter=attention"}, name));
  EXPECT_FALSE(passes_filter({"--benchmark_filter=-gemm"}, name));
  EXPECT_TRUE(passes_filter({"--benchmark_filter=attention", "--benchmark_filter=gemm"}, name));
}

}  // namespace
}  // namespace rackproof::harness::gbench
