#include "harness/config/json_reader.hpp"
#include "harness/config/spelling.hpp"
#include "tests/unit/harness/temporary_file.hpp"

#include <gtest/gtest.h>

namespace rackproof::harness::config {
namespace {

using testing::message_of;
using testing::TemporaryFolder;

std::string problem_of(const std::string& text, void (*read)(ObjectReader&)) {
  const TemporaryFolder folder;
  const auto file = folder.write("c.json", text);
  const std::string message = message_of<ConfigError>([&] {
    ObjectReader reader = read_object(file);
    read(reader);
  });
  const std::string prefix = file.string();
  return message.starts_with(prefix) ? message.substr(prefix.size()) : message;
}

void read_nothing(ObjectReader& reader) {
  reader.finish();
}

TEST(JsonReader, NamesLineAndColumnOfMalformedText) {
  const std::string problem = problem_of("{\n  \"a\": 1,\n  \"b\" 2\n}", read_nothing);
  EXPECT_TRUE(problem.starts_with(":3:7: not valid JSON")) << problem;
  EXPECT_EQ(problem.find('\n'), std::string::npos);
}

TEST(JsonReader, RejectsDuplicateKeys) {
  EXPECT_EQ(problem_of(R"({"a": {"x": 1, "x": 2}})", read_nothing),
            ": key \"x\" appears twice in one object; keep one");
  EXPECT_EQ(problem_of(R"({"a": {"x": 1}, "b": {"x": 2}})",
                       [](ObjectReader& reader) {
                         reader.ignore({"a", "b"});
                       }),
            "");
}

TEST(JsonReader, RejectsATopLevelThatIsNoObject) {
  EXPECT_EQ(problem_of("[1]", read_nothing), ": the top level must be an object, found a list");
}

TEST(JsonReader, SuggestsTheNearestKeyForAnUnknownOne) {
  const auto read = [](ObjectReader& reader) {
    EXPECT_FALSE(reader.has("samples"));
    EXPECT_FALSE(reader.has("warmup"));
    reader.finish();
  };
  EXPECT_EQ(problem_of(R"({"sampels": 3})", read),
            "#/sampels: unknown key (did you mean \"samples\"?)");
  EXPECT_EQ(problem_of(R"({"zzz": 3})", read), "#/zzz: unknown key (allowed: samples, warmup)");
}

TEST(JsonReader, NamesAMisspeltRequiredKey) {
  const auto read = [](ObjectReader& reader) { static_cast<void>(reader.text("name")); };
  EXPECT_EQ(problem_of(R"({"nmae": "x"})", read), "#/nmae: unknown key (did you mean \"name\"?)");
  EXPECT_EQ(problem_of(R"({})", read), "#: key \"name\" is missing");
}

TEST(JsonReader, ChecksTypesAndBounds) {
  const auto integer = [](ObjectReader& reader) { static_cast<void>(reader.integer("n", 1, 10)); };
  EXPECT_EQ(problem_of(R"({"n": 2.5})", integer), "#/n: must be an integer, found 2.5");
  EXPECT_EQ(problem_of(R"({"n": "2"})", integer), "#/n: must be an integer, found the text \"2\"");
  EXPECT_EQ(problem_of(R"({"n": 11})", integer), "#/n: must be between 1 and 10, found 11");
  EXPECT_EQ(problem_of(R"({"n": 18446744073709551615})", integer),
            "#/n: must be an integer, found 18446744073709551615");
  EXPECT_EQ(problem_of(R"({"n": 10})", integer), "");
  const auto number = [](ObjectReader& reader) { static_cast<void>(reader.number("n", 0, 1)); };
  EXPECT_EQ(problem_of(R"({"n": -0.5})", number), "#/n: must be between 0 and 1, found -0.5");
  const auto flag = [](ObjectReader& reader) { static_cast<void>(reader.flag("n")); };
  EXPECT_EQ(problem_of(R"({"n": 1})", flag), "#/n: must be true or false, found 1");
}

TEST(JsonReader, PointsIntoNestedObjectsAndEscapesKeys) {
  EXPECT_EQ(
      problem_of(R"({"list": [{}, {"a/b": {"x": 1}}]})",
                 [](ObjectReader& reader) { reader.objects("list").at(1).object("a/b").finish(); }),
      "#/list/1/a~1b/x: unknown key (allowed: )");
}

TEST(JsonReader, ReadsParametersByType) {
  const TemporaryFolder folder;
  ObjectReader reader = read_object(
      folder.write("p.json", R"({"i": 3, "d": 2.5, "b": true, "t": "x", "li": [1], "lt": ["a"]})"));
  const kernels::ParamMap params = reader.params();
  EXPECT_EQ(std::get<std::int64_t>(params.at("i")), 3);
  EXPECT_EQ(std::get<double>(params.at("d")), 2.5);
  EXPECT_TRUE(std::get<bool>(params.at("b")));
  EXPECT_EQ(std::get<std::string>(params.at("t")), "x");
  EXPECT_EQ(std::get<std::vector<std::int64_t>>(params.at("li")), std::vector<std::int64_t>{1});
  EXPECT_EQ(std::get<std::vector<std::string>>(params.at("lt")), std::vector<std::string>{"a"});
  const auto read = [](ObjectReader& other) { static_cast<void>(other.params()); };
  EXPECT_NE(problem_of(R"({"m": [1, "a"]})", read), "");
  EXPECT_NE(problem_of(R"({"m": null})", read), "");
}

TEST(JsonReader, SaysThatAFileCannotBeRead) {
  EXPECT_NE(message_of<ConfigError>([] {
              static_cast<void>(read_object("/nonexistent/x.json"));
            }).find("cannot be read"),
            std::string::npos);
}

TEST(Spelling, FindsTheClosestOnlyWhenItIsClose) {
  const std::vector<std::string> words{"causal", "full"};
  EXPECT_EQ(closest("casual", words), "causal");
  EXPECT_EQ(closest("ful", words), "full");
  EXPECT_EQ(closest("banana", words), "");
}

}  // namespace
}  // namespace rackproof::harness::config
