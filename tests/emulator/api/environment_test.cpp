// The environment: what programs see of good and of bad values.

#include "tests/emulator/api/subprocess.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace rackproof::test {
namespace {

struct Bad {
  const char* name;
  const char* environment;
  const char* expected;
};

class BadEnvironment : public testing::TestWithParam<Bad> {};

TEST_P(BadEnvironment, IsOneClearLineAndAnError) {
  const ProcessResult result = run_probe(GetParam().environment, "describe");
  EXPECT_EQ(result.exit_code, 1) << result.output;
  EXPECT_EQ(result.answers.at("count_error"), "cudaErrorInitializationError");
  EXPECT_NE(result.output.find(GetParam().expected), std::string::npos) << result.output;
  const auto lines = std::count(result.output.begin(), result.output.end(), '\n');
  EXPECT_EQ(lines, 3) << "one line on stderr, two answers:\n" << result.output;
}

INSTANTIATE_TEST_SUITE_P(
    Values, BadEnvironment,
    testing::Values(
        Bad{"UnknownRack", "RACKPROOF_EMULATOR_RACK=gb900", "gb900: no such rack"},
        Bad{"MissingFile", "RACKPROOF_EMULATOR_RACK=/no/such.json",
            "/no/such.json: cannot be read"},
        Bad{"TrayTooHigh", "RACKPROOF_EMULATOR_TRAY=18", "gb300-nvl72 has trays 0 to 17"},
        Bad{"TrayNoNumber", "RACKPROOF_EMULATOR_TRAY=one", "RACKPROOF_EMULATOR_TRAY=one"},
        Bad{"Seed", "RACKPROOF_EMULATOR_SEED=0x", "RACKPROOF_EMULATOR_SEED=0x"},
        Bad{"Checks", "EMULATOR_CHECKS=most", "\"most\" is not a check"},
        Bad{"Configs", "RACKPROOF_EMULATOR_CONFIGS=/no/such", "no such rack in /no/such"}),
    [](const auto& test_case) { return test_case.param.name; });

TEST(Environment, RackMayBeAPath) {
  const ProcessResult result = run_probe(
      "RACKPROOF_EMULATOR_RACK=" RACKPROOF_SOURCE_DIR "/configs/racks/hgx-b200.json", "describe");
  EXPECT_EQ(result.answers.at("multiprocessors"), "148");
}

TEST(Environment, HiddenDevicesAreHiddenFromCudaOnly) {
  const ProcessResult one = run_probe("CUDA_VISIBLE_DEVICES=2", "describe");
  EXPECT_EQ(one.answers.at("count"), "1");
  EXPECT_EQ(one.answers.at("bus"), "0018:06:00.0");
  EXPECT_EQ(one.answers.at("nvml_count"), "4");
  const ProcessResult none = run_probe("CUDA_VISIBLE_DEVICES=", "describe");
  EXPECT_EQ(none.answers.at("count_error"), "cudaErrorNoDevice");
}

TEST(Environment, TraceHoldsOneLineACall) {
  const std::string file = testing::TempDir() + "rackproof_trace_test";
  const ProcessResult result = run_probe("RACKPROOF_EMULATOR_TRACE=" + file, "describe");
  ASSERT_EQ(result.exit_code, 0);
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  EXPECT_NE(text.str().find("api cudaGetDeviceCount 0\n"), std::string::npos) << text.str();
  std::filesystem::remove(file);
}

TEST(Environment, CountersAreWrittenAtExitUnderTheRanksName) {
  const std::string pattern = testing::TempDir() + "rackproof_counters_%r.json";
  const std::string file = testing::TempDir() + "rackproof_counters_5.json";
  const ProcessResult result =
      run_probe("OMPI_COMM_WORLD_RANK=5 RACKPROOF_EMULATOR_COUNTERS=" + pattern, "describe");
  ASSERT_EQ(result.exit_code, 0);
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  EXPECT_NE(text.str().find("\"rack\": \"gb300-nvl72\""), std::string::npos) << text.str();
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace rackproof::test
