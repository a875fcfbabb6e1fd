#include "harness/cli/arguments.hpp"

#include "collectives/errors.hpp"
#include "harness/cli/exit_code.hpp"
#include "harness/config/error.hpp"
#include "harness/measure/plant.hpp"
#include "harness/record/atomic_file.hpp"
#include "harness/record/json_io.hpp"
#include "runtime/error.hpp"
#include "tests/unit/harness/temporary_file.hpp"

#include <gtest/gtest.h>

namespace rackproof::harness::cli {
namespace {

using testing::message_of;

std::string problem_of(const std::vector<std::string>& words) {
  return message_of<config::ConfigError>([&] { static_cast<void>(parse_arguments(words)); });
}

TEST(Arguments, ReadsEveryOptionOfRun) {
  const Arguments arguments =
      parse_arguments({"run", "--emulate", "dgx-h100", "--trays", "2", "--suite=s.json", "--filter",
                       "gemm", "--out", "o", "--seed", "7", "--timeout", "1.5", "--plant", "gemm@1",
                       "--", "--benchmark_format=json"});
  const auto& run = std::get<RunCommand>(arguments.command);
  EXPECT_EQ(run.target.emulate, "dgx-h100");
  EXPECT_EQ(run.target.trays, 2);
  EXPECT_EQ(run.target.suite, "s.json");
  EXPECT_EQ(run.target.filter, "gemm");
  EXPECT_EQ(run.out, "o");
  EXPECT_EQ(run.seed, 7U);
  EXPECT_EQ(run.timeout_s, 1.5);
  EXPECT_EQ(run.plant, "gemm@1");
  EXPECT_EQ(run.benchmark_flags, std::vector<std::string>{"--benchmark_format=json"});
  EXPECT_EQ(arguments.words.front(), "run");
}

TEST(Arguments, HaveDefaults) {
  const auto run = std::get<RunCommand>(parse_arguments({"run"}).command);
  EXPECT_FALSE(run.target.emulate);
  EXPECT_FALSE(run.target.trays);
  EXPECT_EQ(run.seed, 1U);
  EXPECT_TRUE(run.benchmark_flags.empty());
}

TEST(Arguments, KnowTheOtherCommands) {
  EXPECT_TRUE(std::holds_alternative<ListCommand>(parse_arguments({"list"}).command));
  const auto plan = std::get<PlanCommand>(parse_arguments({"plan", "--trays", "18"}).command);
  EXPECT_EQ(plan.target.trays, 18);
  const auto report = std::get<ReportCommand>(parse_arguments({"report", "r.json"}).command);
  EXPECT_EQ(report.record, "r.json");
  const auto work = std::get<WorkCommand>(
      parse_arguments({"work", "--update", "--json", "--baselines", "b"}).command);
  EXPECT_TRUE(work.update && work.json);
  EXPECT_EQ(work.suite, "work");
  EXPECT_EQ(work.baselines, "b");
  EXPECT_NE(problem_of({"work", "--update", "--filter", "gemm"}).find("--filter"),
            std::string::npos)
      << "a part of the suite is no baseline";
  const auto help = std::get<Help>(parse_arguments({"run", "--help"}).command);
  EXPECT_NE(help.text.find("--plant"), std::string::npos);
  EXPECT_NE(std::get<Help>(parse_arguments({"--version"}).command).text.find("rackproof"),
            std::string::npos);
}

TEST(Arguments, SayWhatAValueMustBe) {
  for (const char* value : {"0", "-1", "abc", "1.5", "99999999999"}) {
    EXPECT_EQ(problem_of({"run", "--trays", value}),
              std::string("command line: --trays: must be a whole number from 1, found \"") +
                  value + "\"");
  }
  for (const char* value : {"-1", "abc", "99999999999999999999"}) {
    EXPECT_EQ(problem_of({"run", "--seed", value}),
              std::string("command line: --seed: must be a whole number from 0 to "
                          "18446744073709551615, found \"") +
                  value + "\"");
  }
  for (const char* value : {"0", "-2", "abc", "inf", "nan"}) {
    EXPECT_EQ(
        problem_of({"run", "--timeout", value}),
        std::string("command line: --timeout: must be a number of seconds above 0, found \"") +
            value + "\"");
  }
  const auto largest = parse_arguments({"run", "--seed", "18446744073709551615"});
  EXPECT_EQ(std::get<RunCommand>(largest.command).seed, ~std::uint64_t{0});
}

TEST(Arguments, NameAnUnknownCommand) {
  EXPECT_EQ(problem_of({"rnu"}), "command line: unknown command rnu (did you mean \"run\"?)");
}

TEST(Arguments, ErrorsAreOneLineWithTheFix) {
  EXPECT_EQ(problem_of({"run", "--trys", "2"}),
            "command line: unknown flag --trys (did you mean \"--trays\"?)");
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"rnu"},
                                                {"run", "--trays", "0"},
                                                {"run", "--trays", "x"},
                                                {"run", "--seed", "-1"},
                                                {"run", "--timeout", "0"},
                                                {"report"},
                                                {"plan", "--", "--benchmark_filter=x"},
                                                {"run", "stray"}}) {
    const std::string problem = problem_of(words);
    EXPECT_TRUE(problem.starts_with("command line: ")) << problem;
    EXPECT_EQ(problem.find('\n'), std::string::npos) << problem;
  }
}

TEST(Plant, AppliesByNameAndRank) {
  const measure::Plant everywhere = measure::Plant::parse("gemm/bf16");
  EXPECT_TRUE(everywhere.applies("gemm/bf16/m1", 0));
  EXPECT_TRUE(everywhere.applies("gemm/bf16/m1", 3));
  EXPECT_FALSE(everywhere.applies("gemm/fp16/m1", 0));
  const measure::Plant once = measure::Plant::parse("gemm@2");
  EXPECT_TRUE(once.applies("gemm/x", 2));
  EXPECT_FALSE(once.applies("gemm/x", 1));
  for (const char* text : {"gemm@", "gemm@x", "gemm@-1", "("}) {
    EXPECT_THROW(static_cast<void>(measure::Plant::parse(text)), config::ConfigError) << text;
  }
}

TEST(ExitCode, FollowsFromTheException) {
  EXPECT_EQ(exit_code_of(config::ConfigError("x")), ExitCode::usage);
  EXPECT_EQ(exit_code_of(record::ReadError("f", "#", "p")), ExitCode::usage);
  EXPECT_EQ(exit_code_of(config::NotReady("x")), ExitCode::not_ready);
  EXPECT_EQ(exit_code_of(runtime::NotAvailable("x")), ExitCode::not_ready);
  EXPECT_EQ(exit_code_of(record::WriteError("f", "full")), ExitCode::not_ready);
  EXPECT_EQ(exit_code_of(collectives::TimeoutError(collectives::Deadline("p", 1), "w", {})),
            ExitCode::incomplete);
  EXPECT_EQ(exit_code_of(std::runtime_error("x")), ExitCode::incomplete);
}

record::Record record_with(std::initializer_list<record::Status> statuses) {
  record::Record record;
  for (const record::Status status : statuses) {
    record.benchmarks.emplace_back().status = status;
  }
  return record;
}

TEST(ExitCode, WrongResultsWeighMost) {
  using record::Status;
  EXPECT_EQ(exit_code_of(record_with({Status::ok, Status::not_run})), ExitCode::ok);
  EXPECT_EQ(exit_code_of(record_with({Status::ok, Status::failed})), ExitCode::incomplete);
  EXPECT_EQ(exit_code_of(record_with({Status::failed, Status::wrong})), ExitCode::wrong_results);
  EXPECT_EQ(exit_code_of(record_with({Status::not_run})), ExitCode::nothing_ran);
  EXPECT_EQ(exit_code_of(record_with({})), ExitCode::nothing_ran);
  EXPECT_EQ(outcome_of(ExitCode::wrong_results), record::Outcome::wrong_results);
  EXPECT_EQ(outcome_of(ExitCode::incomplete), record::Outcome::failed);
}

}  // namespace
}  // namespace rackproof::harness::cli
