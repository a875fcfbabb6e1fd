#include "kernels/params.hpp"

#include <gtest/gtest.h>

namespace rackproof::kernels {
namespace {

/// The message of the ParamError that `action` throws, or a note that it threw none.
template <typename Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const ParamError& error) {
    return error.what();
  }
  return "no ParamError";
}

TEST(Params, ReadsEachType) {
  ParamReader reader({{"count", std::int64_t{3}},
                      {"share", 0.5},
                      {"flag", true},
                      {"name", std::string("x")},
                      {"sizes", std::vector<std::int64_t>{1, 2}},
                      {"types", std::vector<std::string>{"a", "b"}}});
  EXPECT_EQ(reader.integer("count"), 3);
  EXPECT_DOUBLE_EQ(reader.number_or("share", 0), 0.5);
  EXPECT_DOUBLE_EQ(reader.number_or("count", 0), 3);
  EXPECT_TRUE(reader.flag_or("flag", false));
  EXPECT_EQ(reader.text("name"), "x");
  EXPECT_EQ(reader.integers_or("sizes", {}), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(reader.integers_or("count", {}), (std::vector<std::int64_t>{3}));
  EXPECT_EQ(reader.texts_or("types", {}), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(reader.texts_or("name", {}), (std::vector<std::string>{"x"}));
  EXPECT_TRUE(reader.is_text("name"));
  EXPECT_FALSE(reader.is_text("count"));
  EXPECT_NO_THROW(reader.finish());
}

TEST(Params, FallsBackWhereAKeyIsMissing) {
  ParamReader reader(ParamMap{});
  EXPECT_EQ(reader.integer_or("count", 7), 7);
  EXPECT_DOUBLE_EQ(reader.number_or("share", 0.25), 0.25);
  EXPECT_TRUE(reader.flag_or("flag", true));
  EXPECT_EQ(reader.text_or("name", "default"), "default");
  EXPECT_FALSE(reader.has("count"));
}

TEST(Params, NamesKeyAndTypeOfAWrongValue) {
  ParamReader reader({{"count", std::string("many")}});
  EXPECT_EQ(error_of([&] { (void)reader.integer("count"); }),
            "'count' expected an integer, found the text 'many'");
  EXPECT_EQ(error_of([&] { (void)reader.text("name"); }), "'name' is required (a text)");
}

TEST(Params, SuggestsTheClosestKeyForAMisspeltOne) {
  ParamReader reader({{"wvaes", std::int64_t{1}}});
  (void)reader.integers_or("waves", {});
  (void)reader.text_or("shape", "");
  EXPECT_EQ(error_of([&] { reader.finish(); }), "'wvaes' is unknown; did you mean 'waves'?");
}

TEST(Params, ReportsTheKeyForTheHarness) {
  ParamReader reader({{"waves", true}});
  try {
    (void)reader.integers_or("waves", {});
    FAIL() << "a flag was read as a list of integers";
  } catch (const ParamError& error) {
    EXPECT_EQ(error.key(), "waves");
  }
}

}  // namespace
}  // namespace rackproof::kernels
