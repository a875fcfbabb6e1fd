// Environment variables: defaults, values, refusals.

#include "emulator/device/settings.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <unistd.h>

namespace rackproof::emulator::device {
namespace {

class SettingsTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name :
         {"RACKPROOF_EMULATOR_RACK", "RACKPROOF_EMULATOR_CONFIGS", "RACKPROOF_EMULATOR_TRAY",
          "RACKPROOF_EMULATOR_SEED", "EMULATOR_CHECKS", "RACKPROOF_EMULATOR_TRACE",
          "RACKPROOF_EMULATOR_COUNTERS", "CUDA_VISIBLE_DEVICES", "OMPI_COMM_WORLD_RANK",
          "PMIX_RANK", "PMI_RANK", "SLURM_PROCID", "RACKPROOF_EMULATOR_THREADS",
          "RACKPROOF_EMULATOR_ORDERING", "RACKPROOF_EMULATOR_LAUNCH_CONTROL",
          "OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "SLURM_NTASKS_PER_NODE"}) {
      unsetenv(name);
    }
  }
  static std::string refusal() {
    try {
      static_cast<void>(read_settings());
    } catch (const SettingsError& error) {
      return error.what();
    }
    return "";
  }
};

TEST_F(SettingsTest, Defaults) {
  const Settings settings = read_settings();
  EXPECT_EQ(settings.rack_file.filename(), "gb300-nvl72.json");
  EXPECT_EQ(settings.tray, 0);
  EXPECT_TRUE(settings.checks.bounds && settings.checks.shared_init && settings.checks.races);
  EXPECT_TRUE(settings.trace_file.empty());
  EXPECT_FALSE(settings.devices_restricted);
}

TEST_F(SettingsTest, ChecksByName) {
  setenv("EMULATOR_CHECKS", "off", 1);
  EXPECT_FALSE(read_settings().checks.bounds);
  setenv("EMULATOR_CHECKS", "races,bounds", 1);
  const Settings some = read_settings();
  EXPECT_TRUE(some.checks.bounds && some.checks.races);
  EXPECT_FALSE(some.checks.shared_init);
}

TEST_F(SettingsTest, OrderingOfAsynchronousOperations) {
  EXPECT_EQ(read_settings().ordering, async::Ordering::random);
  setenv("RACKPROOF_EMULATOR_SEED", "7", 1);
  EXPECT_EQ(read_settings().kernel_seed, 7U);
  setenv("RACKPROOF_EMULATOR_ORDERING", "random:12", 1);
  EXPECT_EQ(read_settings().kernel_seed, 12U);
  setenv("RACKPROOF_EMULATOR_ORDERING", "late", 1);
  EXPECT_EQ(read_settings().ordering, async::Ordering::late);
  setenv("RACKPROOF_EMULATOR_ORDERING", "eager", 1);
  EXPECT_EQ(read_settings().ordering, async::Ordering::eager);
  for (const char* bad : {"soon", "random:", "random:x"}) {
    setenv("RACKPROOF_EMULATOR_ORDERING", bad, 1);
    EXPECT_NE(refusal().find("RACKPROOF_EMULATOR_ORDERING"), std::string::npos) << bad;
  }
  unsetenv("RACKPROOF_EMULATOR_ORDERING");
  setenv("RACKPROOF_EMULATOR_LAUNCH_CONTROL", "never", 1);
  EXPECT_FALSE(read_settings().steals_clusters);
  setenv("RACKPROOF_EMULATOR_LAUNCH_CONTROL", "sometimes", 1);
  EXPECT_NE(refusal().find("is not steal or never"), std::string::npos);
}

TEST_F(SettingsTest, UnknownRackNamesTheKnownOnes) {
  setenv("RACKPROOF_EMULATOR_RACK", "gb400-nvl72", 1);
  EXPECT_NE(refusal().find("gb300-nvl72"), std::string::npos) << refusal();
}

TEST_F(SettingsTest, BadValuesNameTheVariable) {
  setenv("RACKPROOF_EMULATOR_TRAY", "-1", 1);
  EXPECT_NE(refusal().find("RACKPROOF_EMULATOR_TRAY=-1"), std::string::npos);
  setenv("RACKPROOF_EMULATOR_TRAY", "2x", 1);
  EXPECT_NE(refusal().find("RACKPROOF_EMULATOR_TRAY=2x"), std::string::npos);
  unsetenv("RACKPROOF_EMULATOR_TRAY");
  setenv("EMULATOR_CHECKS", "bounds,typo", 1);
  EXPECT_NE(refusal().find("\"typo\" is not a check"), std::string::npos);
}

TEST_F(SettingsTest, RanksOfOneHostShareItsProcessors) {
  const std::uint32_t alone = default_threads();
  EXPECT_GE(alone, 1U);
  EXPECT_EQ(read_settings().threads, alone);
  setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "72000", 1);
  EXPECT_EQ(default_threads(), 1U);
  unsetenv("OMPI_COMM_WORLD_LOCAL_SIZE");
  setenv("SLURM_NTASKS_PER_NODE", "1(x2)", 1);
  EXPECT_EQ(default_threads(), alone);
  unsetenv("SLURM_NTASKS_PER_NODE");
  setenv("PMIX_RANK", "3", 1);  // how many there are is not said
  EXPECT_EQ(default_threads(), 1U);
  setenv("RACKPROOF_EMULATOR_THREADS", "5", 1);
  EXPECT_EQ(read_settings().threads, 5U);
  setenv("RACKPROOF_EMULATOR_THREADS", "0", 1);
  EXPECT_NE(refusal().find("RACKPROOF_EMULATOR_THREADS=0 is not from 1"), std::string::npos);
}

TEST_F(SettingsTest, FileNamesHoldRankOrProcess) {
  EXPECT_EQ(expand_file_name("a.%p.json"), "a." + std::to_string(getpid()) + ".json");
  EXPECT_EQ(expand_file_name("a.%r"), "a." + std::to_string(getpid()));
  setenv("OMPI_COMM_WORLD_RANK", "3", 1);
  EXPECT_EQ(expand_file_name("a.%r.%x%"), "a.3.%x%");
}

}  // namespace
}  // namespace rackproof::emulator::device
