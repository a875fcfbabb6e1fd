#include "harness/topology/rack_facts.hpp"

#include "harness/config/error.hpp"
#include "tests/unit/harness/temporary_file.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace rackproof::harness::topology {
namespace {

using testing::message_of;
using testing::TemporaryFolder;

std::filesystem::path rack_file(const std::string& name) {
  return std::filesystem::path(RACKPROOF_SOURCE_DIR) / "configs" / "racks" / (name + ".json");
}

TEST(RackFacts, ReadsEveryShippedRack) {
  for (const auto& entry : std::filesystem::directory_iterator(rack_file("x").parent_path())) {
    const RackFacts facts = read_rack_facts(entry.path());
    EXPECT_EQ(facts.id, entry.path().stem().string());
    EXPECT_GT(facts.nodes, 0);
    EXPECT_GT(facts.memory_gb_per_s, 0);
    EXPECT_GT(facts.nvlink_gb_per_s, 0);
    EXPECT_TRUE(facts.peak_tflops("bf16"));
    EXPECT_FALSE(facts.source.empty());
    EXPECT_FALSE(facts.memory_source.empty());
    EXPECT_FALSE(facts.nvlink_source.empty());
  }
}

TEST(RackFacts, HoldsTheDatasheetOfGb300) {
  const RackFacts facts = read_rack_facts(rack_file("gb300-nvl72"));
  EXPECT_EQ(facts.nodes * facts.gpus_per_node, 72);
  EXPECT_EQ(facts.cc, (kernels::ComputeCapability{10, 3}));
  EXPECT_DOUBLE_EQ(facts.memory_gb_per_s, 8000);
  EXPECT_DOUBLE_EQ(facts.nvlink_gb_per_s, 900);  // 18 links x 50 GB/s
  EXPECT_EQ(facts.memory_bytes, 284208ULL * 1024 * 1024);
  EXPECT_EQ(facts.peak_tflops("bf16"), 2500);
}

TEST(RackFacts, MissingPeakIsNoNumber) {
  const RackFacts facts = read_rack_facts(rack_file("dgx-h100"));
  EXPECT_EQ(facts.peak_tflops("nvfp4"), std::nullopt);
  EXPECT_EQ(facts.peak_tflops("no such format"), std::nullopt);
}

TEST(RackFacts, NamesThePlaceOfAnError) {
  std::ostringstream text;
  text << std::ifstream(rack_file("gb300-nvl72")).rdbuf();
  const auto problem_after = [&](const std::string& from, const std::string& to) {
    std::string changed = text.str();
    changed.replace(changed.find(from), from.size(), to);
    const TemporaryFolder folder;
    const auto file = folder.write("rack.json", changed);
    const std::string message =
        message_of<config::ConfigError>([&] { static_cast<void>(read_rack_facts(file)); });
    return message.empty() ? message : message.substr(file.string().size());
  };
  EXPECT_EQ(problem_after("\"multiprocessors\": 152", "\"multiprocessors\": \"152\""),
            "#/gpu/multiprocessors: must be an integer, found the text \"152\"");
  EXPECT_EQ(problem_after("\"multiprocessors\":", "\"multiprocesors\":"),
            "#/gpu/multiprocesors: unknown key (did you mean \"multiprocessors\"?)");
  EXPECT_EQ(problem_after("\"10.3\"", "\"sm_103\""),
            "#/gpu/compute_capability: must look like \"10.3\", found \"sm_103\"");
  EXPECT_EQ(problem_after("\"trays\": 18", "\"trays\": 0"),
            "#/rack/trays: must be between 1 and 1000000000, found 0");
}

TEST(RackFacts, RecognisesARackByItsGpus) {
  std::vector<RackFacts> racks;
  for (const char* name : {"gb200-nvl72", "gb300-nvl72", "hgx-b300"}) {
    racks.push_back(read_rack_facts(rack_file(name)));
  }
  const RackFacts* found = recognise(racks, "NVIDIA GB300 (emulated)", 4);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->id, "gb300-nvl72");
  EXPECT_EQ(recognise(racks, "NVIDIA GB300", 2)->id, "gb300-nvl72");  // a tray with two missing
  EXPECT_EQ(recognise(racks, "NVIDIA GB300", 8), nullptr);
  EXPECT_EQ(recognise(racks, "NVIDIA A100", 4), nullptr);
}

}  // namespace
}  // namespace rackproof::harness::topology
