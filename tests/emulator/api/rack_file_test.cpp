// Rack files: the shipped ones load, broken ones are refused with file, pointer and fix.

#include "emulator/device/rack_file.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <unistd.h>

namespace rackproof::emulator::device {
namespace {

const std::filesystem::path kRacks = RACKPROOF_SOURCE_DIR "/configs/racks";

std::string read(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// Loads gb300-nvl72.json with one piece of text replaced; returns the error, empty if it loads.
std::string error_after(const std::string& from, const std::string& to) {
  std::string text = read(kRacks / "gb300-nvl72.json");
  const auto place = text.find(from);
  EXPECT_NE(place, std::string::npos) << from;
  text.replace(place, from.size(), to);
  // Cases run as processes of their own, side by side.
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / ("rackproof_" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  const std::filesystem::path file = folder / "broken_rack.json";
  std::ofstream(file) << text;
  std::string message;
  try {
    static_cast<void>(load_rack_file(file));
  } catch (const RackFileError& error) {
    message = error.what();
  }
  std::filesystem::remove_all(folder);
  return message;
}

TEST(RackFile, Gb300IsWhatTheReferenceSays) {
  const RackModel rack = load_rack_file(kRacks / "gb300-nvl72.json");
  EXPECT_EQ(rack.trays, 18);
  EXPECT_EQ(rack.gpus_per_tray, 4);
  EXPECT_EQ(rack.nvlink_domain_gpus, 72);
  EXPECT_EQ(rack.gpu.architecture(), 103U);
  EXPECT_EQ(rack.gpu.multiprocessors, 152);
  EXPECT_EQ(rack.gpu.memory_bytes, 284208ULL << 20U);
  EXPECT_EQ(rack.module_ids, (std::vector<int>{2, 1, 4, 3}));
  EXPECT_EQ(rack.pci_bus_ids.front(), "0008:06:00.0");
  EXPECT_DOUBLE_EQ(rack.nvlink_links * rack.nvlink_bytes_per_s_per_link, 900e9);
  EXPECT_TRUE(rack.fabric_manager);
  EXPECT_EQ(rack.clique_id, 32766U);
}

TEST(RackFile, EveryShippedFileLoadsUnderItsName) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kRacks)) {
    const RackModel rack = load_rack_file(entry.path());
    EXPECT_EQ(rack.id, entry.path().stem().string());
    EXPECT_EQ(rack.module_ids.size(), static_cast<std::size_t>(rack.gpus_per_tray));
    ++files;
  }
  EXPECT_EQ(files, 7);
}

TEST(RackFile, NullsBecomeTheEmulatorsOwnNumbering) {
  const RackModel rack = load_rack_file(kRacks / "hgx-h200.json");
  EXPECT_EQ(rack.module_ids.back(), 8);
  EXPECT_EQ(rack.pci_bus_ids.back(), "0000:08:00.0");
  EXPECT_EQ(rack.gpu.memory_clock_mhz, 0);
}

struct Broken {
  const char* name;
  const char* from;
  const char* to;
  const char* expected;  // part of the message
};

class BrokenRackFile : public testing::TestWithParam<Broken> {};

TEST_P(BrokenRackFile, IsRefusedWithPlaceAndFix) {
  const std::string error = error_after(GetParam().from, GetParam().to);
  EXPECT_NE(error.find(GetParam().expected), std::string::npos) << error;
  EXPECT_NE(error.find("broken_rack.json"), std::string::npos) << error;
  EXPECT_NE(error.find("; "), std::string::npos) << error;
  EXPECT_EQ(error.find('\n'), std::string::npos) << error;
}

INSTANTIATE_TEST_SUITE_P(
    Problems, BrokenRackFile,
    testing::Values(
        Broken{"Syntax", "\"trays\": 18,", "\"trays\": 18;", "line 7, column"},
        Broken{"Version", "\"schema_version\": \"1.0\"", "\"schema_version\": \"2.0\"",
               "/schema_version: is \"2.0\""},
        Broken{"Misspelt", "\"multiprocessors\"", "\"multiprocesors\"",
               "/gpu/multiprocessors: is missing"},
        Broken{"Unknown", "\"tdp_w\": 1400", "\"tdp_w\": 1400, \"colour\": 1",
               "/gpu/colour: is not a key"},
        Broken{"Negative", "\"tdp_w\": 1400", "\"tdp_w\": -1", "/gpu/tdp_w: is -1"},
        Broken{"WrongType", "\"tdp_w\": 1400", "\"tdp_w\": \"much\"", "/gpu/tdp_w: is \"much\""},
        Broken{"Fraction", "\"multiprocessors\": 152", "\"multiprocessors\": 152.5",
               "/gpu/multiprocessors: is 152.5"},
        Broken{"NeededNull", "\"memory_bandwidth_tb_per_s\": 8.0",
               "\"memory_bandwidth_tb_per_s\": null", "/gpu/memory_bandwidth_tb_per_s: is null"},
        Broken{"Capability", "\"compute_capability\": \"10.3\"", "\"compute_capability\": \"ten\"",
               "/gpu/compute_capability: is \"ten\""},
        Broken{"Domain", "\"nvlink_domain_gpus\": 72", "\"nvlink_domain_gpus\": 64",
               "/rack/nvlink_domain_gpus: is 64"},
        Broken{"ListLength", "\"module_ids\": [2, 1, 4, 3]", "\"module_ids\": [2, 1, 4]",
               "/node/module_ids: has 3 entries"},
        Broken{"BusId", "0008:06:00.0", "8:6:0", "/node/pci_bus_ids: holds \"8:6:0\""}),
    [](const auto& test_case) { return test_case.param.name; });

TEST(RackFile, MissingFileIsNamed) {
  EXPECT_THROW(static_cast<void>(load_rack_file("/no/such/rack.json")), RackFileError);
}

}  // namespace
}  // namespace rackproof::emulator::device
