#include "harness/plan/suite.hpp"

#include "harness/config/error.hpp"
#include "tests/unit/harness/temporary_file.hpp"

#include <gtest/gtest.h>

namespace rackproof::harness::plan {
namespace {

using testing::message_of;
using testing::TemporaryFolder;

constexpr const char* kHead = R"("schema_version": "1.0", "name": "t", "summary": "s")";

std::string problem_of(const std::string& members) {
  const TemporaryFolder folder;
  const auto file = folder.write("suite.json", std::string("{").append(kHead) + members + "}");
  const std::string message =
      message_of<config::ConfigError>([&] { static_cast<void>(read_suite(file)); });
  return message.empty() ? message : message.substr(file.string().size());
}

TEST(Suite, ReadsTheShippedOnes) {
  for (const char* name : {"smoke", "acceptance"}) {
    const Suite suite = read_suite(std::filesystem::path(RACKPROOF_SOURCE_DIR) / "configs" /
                                   "suites" / (std::string(name) + ".json"));
    EXPECT_EQ(suite.name, name);
    EXPECT_FALSE(suite.operations.empty());
    EXPECT_FALSE(suite.collectives.empty());
  }
}

TEST(Suite, DefaultsAreWhatTheSchemaSays) {
  const TemporaryFolder folder;
  const Suite suite = read_suite(folder.write(
      "suite.json", std::string("{").append(kHead) +
                        R"(, "collectives": [{"collective": "all_reduce", "max_bytes": 64}]})"));
  const CollectiveRequest& request = suite.collectives.at(0);
  EXPECT_EQ(request.types, std::vector<std::string>{"float32"});
  EXPECT_EQ(request.reductions, std::vector<std::string>{"sum"});
  EXPECT_EQ(request.placements, (std::vector<std::string>{"out_of_place", "in_place"}));
  EXPECT_EQ(request.scopes, std::vector<std::string>{"all"});
  EXPECT_EQ(request.min_bytes, 8U);
  EXPECT_EQ(request.factor, 2);
  EXPECT_TRUE(suite.statistics.cold_l2);
  EXPECT_EQ(suite.statistics.min_samples, 10);
}

TEST(Suite, NamesPlaceProblemAndFix) {
  EXPECT_EQ(problem_of(""), "#: asks for nothing; give \"operations\" or \"collectives\"");
  EXPECT_EQ(problem_of(R"(, "operatoins": [])"),
            "#/operatoins: unknown key (did you mean \"operations\"?)");
  EXPECT_EQ(problem_of(R"(, "operations": [{"operation": "gem"}])"),
            "#/operations/0/operation: unknown value \"gem\" (did you mean \"gemm\"?)");
  EXPECT_EQ(problem_of(R"(, "operations": [{"operation": "gemm", "size": 3}])"),
            "#/operations/0/size: unknown key (allowed: operation, params, comment)");
  EXPECT_EQ(problem_of(R"(, "collectives": [{"collective": "all_reduce"}])"),
            "#/collectives/0: needs either \"max_bytes\" or \"max_memory_share\"");
  EXPECT_EQ(
      problem_of(
          R"(, "collectives": [{"collective": "all_reduce", "max_bytes": 4, "min_bytes": 8}])"),
      "#/collectives/0/max_bytes: must not be below min_bytes (8), found 4");
  EXPECT_EQ(
      problem_of(
          R"(, "collectives": [{"collective": "all_reduce", "max_bytes": 8, "types": ["bf16"]}])")
          .substr(0, 54),
      "#/collectives/0/types/0: unknown value \"bf16\" (allowed");
  EXPECT_EQ(problem_of(R"(, "statistics": {"min_samples": 5, "max_samples": 4})"),
            "#/statistics/max_samples: must not be below min_samples (5), found 4");
  EXPECT_EQ(problem_of(R"(, "statistics": {"min_samples": 0})"),
            "#/statistics/min_samples: must be between 1 and 1000000, found 0");
}

TEST(Suite, ItsNameCannotLeaveTheResultsFolder) {
  const TemporaryFolder folder;
  const auto file =
      folder.write("suite.json", R"({"schema_version": "1.0", "name": "../x", "summary": "s"})");
  EXPECT_NE(message_of<config::ConfigError>([&] {
              static_cast<void>(read_suite(file));
            }).find("#/name: must consist of"),
            std::string::npos);
}

}  // namespace
}  // namespace rackproof::harness::plan
