#include "harness/record/json_io.hpp"
#include "tests/golden/sample_record.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace rackproof::tests {
namespace {

using Json = nlohmann::ordered_json;

std::string golden_text(const std::string& name) {
  const std::filesystem::path path =
      std::filesystem::path(RACKPROOF_SOURCE_DIR) / "tests/golden" / name;
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// Compilers may fuse a multiplication and an addition: figures agree to a few units in the last
/// place of a chain of less than a hundred operations, everything else exactly.
constexpr double kRelativeTolerance = 100 * 0x1p-52;

void expect_same(const Json& actual, const Json& golden, const std::string& place) {
  ASSERT_EQ(actual.type(), golden.type()) << place;
  if (golden.is_number_float()) {
    EXPECT_NEAR(actual.get<double>(), golden.get<double>(),
                kRelativeTolerance * std::abs(golden.get<double>()))
        << place;
    return;
  }
  if (!golden.is_structured()) {
    EXPECT_EQ(actual, golden) << place;
    return;
  }
  ASSERT_EQ(actual.size(), golden.size()) << place;
  auto actual_item = actual.items().begin();
  for (const auto& [key, item] : golden.items()) {
    ASSERT_EQ(actual_item.key(), key) << place;
    expect_same(actual_item.value(), item, place + "/" + key);
    ++actual_item;
  }
}

TEST(GoldenRecord, TheSampleStillGivesThisDocument) {
  SampleShape shape;
  shape.gpus_per_node = 2;
  expect_same(Json::parse(harness::record::to_json(sample_record(shape))),
              Json::parse(golden_text("record.json")), "");
}

TEST(GoldenRecord, IsReadAndWrittenByteForByte) {
  const std::string text = golden_text("record.json");
  EXPECT_EQ(harness::record::to_json(harness::record::from_json(text, "record.json")), text);
}

}  // namespace
}  // namespace rackproof::tests
