#include "harness/report/html.hpp"

#include "harness/report/html_curve.hpp"
#include "harness/report/html_text.hpp"
#include "tests/golden/sample_record.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace rackproof::harness::report {
namespace {

std::size_t occurrences(std::string_view text, std::string_view word) {
  std::size_t n = 0;
  for (std::size_t at = text.find(word); at != std::string_view::npos;
       at = text.find(word, at + word.size())) {
    ++n;
  }
  return n;
}

std::string page(const tests::SampleShape& shape) {
  return to_html(tests::sample_record(shape));
}

/// Elements without an end tag.
bool is_void(std::string_view tag) {
  return tag == "br" || tag == "wbr" || tag == "meta" || tag == "!DOCTYPE";
}

/// The first tag that is not closed, or closed without having been open; empty if there is none.
std::string unbalanced_tag(std::string_view html) {
  const std::size_t style = html.find("<style>");
  const std::size_t style_end = html.find("</style>");
  std::string text(html.substr(0, style + 7));
  text += html.substr(style_end);
  std::vector<std::string> open;
  for (std::size_t at = text.find('<'); at != std::string::npos; at = text.find('<', at + 1)) {
    const std::size_t end = text.find('>', at);
    const std::string_view body = std::string_view(text).substr(at + 1, end - at - 1);
    const bool closes = body.starts_with('/');
    const std::string tag(
        body.substr(closes ? 1 : 0, body.find_first_of(" /", 1) - (closes ? 1 : 0)));
    if (closes) {
      if (open.empty() || open.back() != tag) {
        return tag;
      }
      open.pop_back();
    } else if (!is_void(tag) && !body.ends_with('/')) {
      open.push_back(tag);
    }
  }
  return open.empty() ? "" : open.back();
}

TEST(Html, EscapesWhatMeansSomethingInHtml) {
  EXPECT_EQ(escape(R"(<a href="x">'&')"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;");
}

TEST(Html, IsWellNestedForEveryShape) {
  for (const tests::SampleShape& shape : {tests::SampleShape{},
                                          {"gb300-nvl72", 18, 2, 18, 4, topology::Backend::gpu},
                                          {"dgx-h100", 1, 1, 1, 8, topology::Backend::emulated}}) {
    EXPECT_EQ(unbalanced_tag(page(shape)), "") << shape.rack_model;
  }
}

TEST(Html, SaysModelledOnTheEmulatorOnly) {
  tests::SampleShape shape;
  const std::string emulated = page(shape);
  EXPECT_NE(emulated.find("Modelled figures: they follow from the emulator's clock model and are "
                          "not a measurement."),
            std::string::npos);
  EXPECT_NE(emulated.find(R"(<span class="badge modelled">)"), std::string::npos);
  EXPECT_EQ(emulated.find(R"(<span class="badge measured">)"), std::string::npos);
  shape.backend = topology::Backend::gpu;
  const std::string real = page(shape);
  EXPECT_EQ(real.find("Modelled figures:"), std::string::npos);
  EXPECT_NE(real.find(R"(<span class="badge measured">)"), std::string::npos);
}

TEST(Html, DrawsEveryPlaceOfARack) {
  // Four operations with a roofline; four GPUs present, 17 trays of four absent.
  const std::string html = page({});
  const std::string pictures = html.substr(html.find("<section id=\"racks\""));
  EXPECT_EQ(occurrences(pictures, "<g><title>"), 4U * 4U);
  EXPECT_EQ(occurrences(pictures, R"(<rect class="absent" x=")"), 1U + 4U * 17U * 4U)
      << "the legend has one";
}

TEST(Html, DrawsBoxesOfEightAndSeveralRacks) {
  tests::SampleShape box{"dgx-h100", 1, 1, 1, 8, topology::Backend::emulated};
  const std::string one = page(box);
  EXPECT_EQ(occurrences(one, "<g><title>"), 4U * 8U);
  tests::SampleShape racks;
  racks.racks = 2;
  racks.nodes = 18;
  const std::string two = page(racks);
  EXPECT_EQ(occurrences(two, "<h3>rack "), 2U);
  EXPECT_EQ(occurrences(two, "<g><title>"), 2U * 3U * 72U)
      << "all-reduce has no roofline across racks";
}

TEST(Html, BoxesThatAreNoTraysHaveNoEmptyPlaces) {
  tests::SampleShape box{"dgx-h100", 4, 1, 1, 8, topology::Backend::emulated};
  record::Record record = tests::sample_record(box);
  record.topology.racks[0].nodes[0].tray_index = record::Reported<int>::missing("no chassis");
  const std::string html = to_html(record);
  EXPECT_EQ(occurrences(html, "<g><title>"), 4U * 8U);
  EXPECT_EQ(occurrences(html, R"(<rect class="absent" x=")"), 1U) << "the legend has one";
}

TEST(Html, TrayIndicesThatDoNotFitTheModelAreDrawnInOrder) {
  record::Record record = tests::sample_record({});
  record.topology.racks[0].nodes[0].tray_index = 99;
  EXPECT_EQ(occurrences(to_html(record), "<g><title>"), 4U * 4U);
  record.topology.racks[0].nodes[0].tray_index = -1;
  EXPECT_EQ(occurrences(to_html(record), "<g><title>"), 4U * 4U);
}

TEST(Html, MarksTheGpuWithAWrongResult) {
  const std::string html = page({});
  EXPECT_EQ(occurrences(html, R"(wrongtext")"), 1U);
  EXPECT_NE(html.find("wrong result in attention/fp16/causal/b1h8s1024d64"), std::string::npos);
  EXPECT_NE(html.find("expected 0.25, got 1.5"), std::string::npos);
}

TEST(Html, TellsWhyAFigureIsMissing) {
  const std::string html = page({});
  EXPECT_NE(html.find("not supported on compute capability 10.3: no variant for fp8"),
            std::string::npos);
  EXPECT_NE(html.find("not loaded: the library is not here"), std::string::npos);
}

TEST(Html, HasNoPlaceForTextThatIsMarkup) {
  const std::string evil = "\"'><script>alert(1)</script><img src=http://evil.invalid/x>";
  record::Record record = tests::sample_record({});
  record.run.suite = evil;
  record.run.command.push_back(evil);
  record.run.id = evil;
  record.rack_model = topology::RackFacts(*record.rack_model);
  record.software.nccl = evil;
  record.software.environment["NCCL_X"] = evil;
  record.notes.push_back(evil);
  record.topology.racks[0].nodes[0].host = evil;
  record.topology.racks[0].nodes[0].gpus[0].name = evil;
  record.topology.racks[0].nodes[0].gpus[0].serial = evil;
  for (record::Benchmark& benchmark : record.benchmarks) {
    benchmark.operation += evil;
    benchmark.size_reason = evil;
    benchmark.variant = evil;
    benchmark.name = evil + benchmark.name;
    benchmark.status_reason = benchmark.status_reason.empty() ? "" : evil;
    benchmark.baseline = record::Reported<record::Baseline>::missing(evil);
  }
  const std::string html = to_html(record);
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("<img"), std::string::npos);
  EXPECT_NE(html.find("&lt;script&gt;"), std::string::npos);
  EXPECT_EQ(unbalanced_tag(html), "");
}

TEST(Html, StandsAlone) {
  const std::string html = page({});
  for (const char* word : {"http:", "https:", "<script", "<link", "<img", "<iframe", "url(",
                           "@import", "<object", " src=", "javascript:"}) {
    EXPECT_EQ(html.find(word), std::string::npos) << word;
  }
  EXPECT_NE(html.find("default-src 'none'"), std::string::npos);
}

TEST(Html, TheCurveIsLogarithmicInSizeAndLinearInBandwidth) {
  const std::string svg = bandwidth_curve({{"s", false, {{8, 0}, {64, 500}, {512, 1000}}}});
  std::vector<double> x;
  std::vector<double> y;
  for (std::size_t at = svg.find(R"(class="dot" cx=")"); at != std::string::npos && x.size() < 3;
       at = svg.find(R"(class="dot" cx=")", at + 1)) {
    x.push_back(std::stod(svg.substr(svg.find("cx=", at) + 4)));
    y.push_back(std::stod(svg.substr(svg.find("cy=", at) + 4)));
  }
  ASSERT_EQ(x.size(), 3U);
  constexpr double kDrawn = 0.11;  // coordinates have one decimal
  EXPECT_GT(x[1], x[0] + 100);
  EXPECT_NEAR(x[2] - x[1], x[1] - x[0], kDrawn);
  EXPECT_LT(y[1], y[0] - 50);
  EXPECT_NEAR(y[2] - y[1], y[1] - y[0], kDrawn);
  EXPECT_EQ(bandwidth_curve({}), "");
}

TEST(Html, OfARunWithoutBenchmarksIsStillAPage) {
  record::Record record = tests::sample_record({});
  record.benchmarks.clear();
  record.rack_model = record::Reported<topology::RackFacts>::missing("unknown");
  const std::string html = to_html(record);
  EXPECT_EQ(unbalanced_tag(html), "");
  EXPECT_NE(html.find("unknown rack model"), std::string::npos);
}

}  // namespace
}  // namespace rackproof::harness::report
