#include "harness/report/console.hpp"

#include "harness/report/format.hpp"
#include "harness/report/progress.hpp"
#include "harness/report/text_table.hpp"
#include "tests/golden/sample_record.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace rackproof::harness::report {
namespace {

std::string summary_of(const tests::SampleShape& shape) {
  std::ostringstream out;
  print_summary(out, tests::sample_record(shape));
  return out.str();
}

TEST(Console, PrintsTheGoldenTables) {
  std::ostringstream golden;
  golden << std::ifstream(std::filesystem::path(RACKPROOF_SOURCE_DIR) / "tests/golden/console.txt")
                .rdbuf();
  tests::SampleShape shape;
  shape.gpus_per_node = 2;
  EXPECT_EQ(summary_of(shape), golden.str());
}

TEST(Console, SaysModelledOnTheEmulatorAndMeasuredOnAGpu) {
  tests::SampleShape shape;
  const std::string emulated = summary_of(shape);
  EXPECT_NE(emulated.find("Modelled figures"), std::string::npos);
  EXPECT_NE(emulated.find("Per node (modelled)"), std::string::npos);
  EXPECT_EQ(emulated.find("measured"), std::string::npos);
  shape.backend = topology::Backend::gpu;
  const std::string real = summary_of(shape);
  EXPECT_NE(real.find("Per node (measured)"), std::string::npos);
  EXPECT_EQ(real.find("odelled"), std::string::npos);
}

TEST(Console, OfManyNodesListsTheTwoEnds) {
  tests::SampleShape shape;
  shape.nodes = 18;
  const std::string text = summary_of(shape);
  EXPECT_NE(text.find("slowest and fastest; the record has all"), std::string::npos);
  const std::string rows = text.substr(0, text.find("Per rack"));
  std::size_t trays = 0;
  for (std::size_t at = rows.find("  tray "); at != std::string::npos;
       at = rows.find("  tray ", at + 1)) {
    ++trays;
  }
  EXPECT_EQ(trays, 2U * 6U) << "six kernels ran, one of them with a figure on 17 nodes only";
}

TEST(TextTable, AlignsByCharactersAndTrimsLines) {
  TextTable table({{"name", TextTable::Align::left}, {"n"}});
  table.add_row({"a", "1"});
  table.add_row({"µµ", "22"});
  std::ostringstream out;
  table.print(out);
  EXPECT_EQ(out.str(),
            "  name   n\n"
            "  ----  --\n"
            "  a      1\n"
            "  µµ    22\n");
  EXPECT_THROW(table.add_row({"only one"}), std::invalid_argument);
}

TEST(Format, KeepsFourDigits) {
  EXPECT_EQ(figure(1846.04), "1846");
  EXPECT_EQ(figure(129377.2), "129377");
  EXPECT_EQ(figure(0.0123456), "0.01235");
  EXPECT_EQ(figure(9999.96), "10000");
  EXPECT_EQ(figure(0), "0");
  EXPECT_EQ(figure(-2.5, "GB/s"), "-2.500 GB/s");
}

TEST(Format, ChoosesUnits) {
  EXPECT_EQ(duration(0.00001234), "12.34 us");
  EXPECT_EQ(duration(2.5), "2.500 s");
  EXPECT_EQ(duration(3e-10), "0.3000 ns");
  EXPECT_EQ(size(8), "8 B");
  EXPECT_EQ(size(1000), "1000 B");
  EXPECT_EQ(size(1536), "1536 B");
  EXPECT_EQ(size(std::uint64_t{1} << 33), "8 GiB");
  EXPECT_EQ(waiting_time(59.2), "1 min 00 s");
  EXPECT_EQ(waiting_time(12.1), "13 s");
  EXPECT_EQ(count(1, "GPU"), "1 GPU");
  EXPECT_EQ(count(0, "GPU"), "0 GPUs");
}

class Progress : public ::testing::Test {
 protected:
  ProgressPrinter printer(bool live) {
    return {out_, 2, {live, 40, [this] { return now_s_; }}};
  }

  const record::Record record_ = tests::sample_record({});
  std::ostringstream out_;
  double now_s_ = 100;
};

TEST_F(Progress, OffTheTerminalIsOneLineForEachResult) {
  ProgressPrinter progress = printer(false);
  progress.start("gemm/bf16/m8192n8192k8192");
  now_s_ += 30;
  progress.finish(record_.benchmarks.front());
  progress.finish(record_.benchmarks.back());
  progress.end();
  const std::string text = out_.str();
  EXPECT_EQ(text.find("[1/2] gemm/bf16/m8192n8192k8192  1802 TFLOP/s per GPU (modelled), verified, "
                      "about 30 s left\n"),
            0U)
      << text;
  EXPECT_NE(text.find("[2/2] attention/fp16/causal/b1h8s1024d64  wrong: CHASSIS000/tray0 GPU 3: 1 "
                      "wrong element"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find('\r'), std::string::npos);
}

TEST_F(Progress, OnATerminalIsOneShortLineAndBadResultsStay) {
  ProgressPrinter progress = printer(true);
  progress.start("a name that is much longer than the terminal is wide");
  EXPECT_EQ(out_.str(), "\r\033[K[0/2] a name that is much longer than t");
  progress.finish(record_.benchmarks.front());
  EXPECT_EQ(out_.str().find('\n'), std::string::npos);
  now_s_ += 200;
  progress.start("the next");
  EXPECT_TRUE(out_.str().ends_with("\r\033[K[1/2] about 3 min 20 s left: the next")) << out_.str();
  progress.finish(record_.benchmarks.back());
  EXPECT_NE(out_.str().find("column 17\n"), std::string::npos) << "cut or overwritten";
  progress.end();
  EXPECT_TRUE(out_.str().ends_with("\r\033[K"));
}

}  // namespace
}  // namespace rackproof::harness::report
