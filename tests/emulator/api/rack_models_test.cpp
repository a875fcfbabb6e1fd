// What programs see of each rack model; the numbers are written down here a second time, from the
// public datasheets, so that a slip in a rack file shows.

#include "tests/emulator/api/subprocess.hpp"

#include <gtest/gtest.h>

#include <string>

namespace rackproof::test {
namespace {

struct Expected {
  const char* rack;
  const char* name;
  const char* cc;
  const char* gpus;
  const char* multiprocessors;
  const char* memory_mib;
  const char* shared_optin;
  const char* sm_clock_mhz;  // "0": not known
  const char* memory_clock;  // NVML result: 0 known, 3 not supported
  const char* links;
  const char* platform;  // NVML result of the platform information
  const char* fabric;
  const char* clique;
};

class RackModels : public testing::TestWithParam<Expected> {};

TEST_P(RackModels, AnswerAsTheHardwareDoes) {
  const Expected& e = GetParam();
  const ProcessResult result = run_probe(
      std::string("RACKPROOF_EMULATOR_TRAY=1 RACKPROOF_EMULATOR_RACK=") + e.rack, "describe");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const auto answer = [&](const char* key) {
    const auto found = result.answers.find(key);
    return found == result.answers.end() ? std::string("(none)") : found->second;
  };
  EXPECT_EQ(answer("name"), std::string(e.name) + " (emulated)");
  EXPECT_EQ(answer("nvml_name"), answer("name"));
  EXPECT_EQ(answer("cc"), e.cc);
  EXPECT_EQ(answer("nvml_cc"), e.cc);
  EXPECT_EQ(answer("count"), e.gpus);
  EXPECT_EQ(answer("nvml_count"), e.gpus);
  EXPECT_EQ(answer("multiprocessors"), e.multiprocessors);
  EXPECT_EQ(answer("memory_mib"), e.memory_mib);
  EXPECT_EQ(answer("shared_optin"), e.shared_optin);
  EXPECT_EQ(answer("nvml_sm_clock"), e.sm_clock_mhz);
  EXPECT_EQ(answer("clock_khz"), std::string(e.sm_clock_mhz) == "0"
                                     ? std::string("cudaErrorNotSupported")
                                     : std::string(e.sm_clock_mhz) + "000");
  EXPECT_EQ(answer("nvml_memory_clock_result"), e.memory_clock);
  EXPECT_EQ(answer("nvml_links"), e.links);
  EXPECT_EQ(answer("nvml_platform"), e.platform);
  if (std::string(e.platform) == "0") {
    EXPECT_EQ(answer("nvml_tray"), "1");
    EXPECT_EQ(answer("nvml_module"), "2");
    EXPECT_EQ(answer("nvml_chassis").substr(0, 4), "EMU-");
    EXPECT_EQ(answer("nvml_platform_bad_version"), "25");
  }
  EXPECT_EQ(answer("nvml_fabric"), e.fabric);
  if (std::string(e.fabric) == "0") {
    EXPECT_EQ(answer("nvml_state"), "3") << "completed";
    EXPECT_EQ(answer("nvml_clique"), e.clique);
    EXPECT_EQ(answer("nvml_health"), "170") << "0xaa";
  }
  EXPECT_EQ(answer("clusters"), std::string(e.cc) == "80" ? "0" : "1");
  // Sensors without a model, marks of what is emulated, NVML's own rules.
  EXPECT_EQ(answer("nvml_power"), "3");
  EXPECT_NE(answer("nvml_driver").find("emulated"), std::string::npos);
  EXPECT_EQ(answer("nvml_serial").substr(0, 4), "EMU-");
  EXPECT_EQ(answer("nvml_before_init"), "1");
  EXPECT_EQ(answer("nvml_handle_beyond"), "2");
  EXPECT_EQ(answer("nvml_short_buffer"), "7");
}

constexpr const char* kOptin227 = "232448";
constexpr const char* kOptin163 = "166912";

INSTANTIATE_TEST_SUITE_P(
    All, RackModels,
    testing::Values(Expected{"gb300-nvl72", "NVIDIA GB300", "103", "4", "152", "284208", kOptin227,
                             "2070", "0", "18", "0", "0", "32766"},
                    Expected{"gb200-nvl72", "NVIDIA GB200", "100", "4", "152", "189471", kOptin227,
                             "2062", "0", "18", "0", "0", "2"},
                    Expected{"hgx-b300", "NVIDIA B300 SXM6 AC", "103", "8", "148", "275040",
                             kOptin227, "0", "3", "18", "3", "0", "0"},
                    Expected{"hgx-b200", "NVIDIA B200", "100", "8", "148", "183359", kOptin227,
                             "1965", "0", "18", "3", "0", "0"},
                    Expected{"hgx-h200", "NVIDIA H200", "90", "8", "132", "143771", kOptin227,
                             "1980", "3", "18", "3", "0", "0"},
                    Expected{"dgx-h100", "NVIDIA H100 80GB HBM3", "90", "8", "132", "81559",
                             kOptin227, "1980", "0", "18", "3", "0", "0"},
                    Expected{"hgx-a100-80", "NVIDIA A100-SXM4-80GB", "80", "8", "108", "81920",
                             kOptin163, "1410", "3", "12", "3", "3", ""}),
    [](const auto& test_case) {
      std::string name = test_case.param.rack;
      for (char& c : name) {
        c = c == '-' ? '_' : c;
      }
      return name;
    });

}  // namespace
}  // namespace rackproof::test
