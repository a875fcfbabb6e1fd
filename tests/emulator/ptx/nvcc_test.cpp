/// What nvcc really emits for each target of the project, with line information.

#include "emulator/ptx/parser.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

namespace rackproof::emulator::ptx {
namespace {

std::string file_text(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Line of the fixture that holds `marker`.
std::uint32_t fixture_line(const std::string& marker) {
  std::ifstream file(std::string(RACKPROOF_SOURCE_DIR) + "/tests/emulator/ptx/fixture.cu");
  std::uint32_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.find(marker) != std::string::npos) {
      return number;
    }
  }
  return 0;
}

class NvccPtx : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    text_ = file_text(std::string(FIXTURE_DIR) + "/fixture_" + GetParam() + ".ptx");
    module_ = parse(text_, "fixture.ptx");
  }
  [[nodiscard]] const Function& function(const std::string& part) const {
    const auto found = std::find_if(
        module_.functions.begin(), module_.functions.end(),
        [&](const Function& candidate) { return candidate.name.find(part) != std::string::npos; });
    EXPECT_NE(found, module_.functions.end()) << part;
    return *found;
  }
  [[nodiscard]] const Variable& variable(const std::string& name) const {
    const auto found =
        std::find_if(module_.variables.begin(), module_.variables.end(),
                     [&](const Variable& candidate) { return candidate.name == name; });
    EXPECT_NE(found, module_.variables.end()) << name;
    return *found;
  }

  std::string text_;
  Module module_;
};

TEST_P(NvccPtx, ReadsTheHeader) {
  EXPECT_EQ(module_.version_major, 9U);
  EXPECT_EQ(module_.target, std::string("sm_") + GetParam());
  EXPECT_EQ(module_.address_bits, 64U);
}

TEST_P(NvccPtx, ReadsKernelsAndTheirBounds) {
  const auto kernels = std::count_if(module_.functions.begin(), module_.functions.end(),
                                     [](const Function& one) { return one.is_kernel; });
  EXPECT_EQ(kernels, 4);
  const Function& kernel = function("everythingIf");
  EXPECT_EQ(kernel.linkage, Linkage::visible);
  EXPECT_EQ(kernel.directives.max_threads, (std::array<std::uint32_t, 3>{128, 1, 1}));
  EXPECT_EQ(kernel.directives.min_blocks_per_sm, 2U);
  ASSERT_EQ(kernel.parameters.size(), 4U);
  EXPECT_EQ(kernel.parameters[2].size_bytes, 4U);
  EXPECT_EQ(kernel.parameters[3].size_bytes, 24U);
  EXPECT_EQ(kernel.parameters[3].alignment, 8U);
  const auto shared =
      std::find_if(kernel.variables.begin(), kernel.variables.end(),
                   [](const Variable& candidate) { return candidate.space == StateSpace::shared; });
  ASSERT_NE(shared, kernel.variables.end());
  EXPECT_EQ(shared->size_bytes, 512U);
}

TEST_P(NvccPtx, ReadsVariablesAndRelocations) {
  const Variable& table = variable("table");
  EXPECT_EQ(table.space, StateSpace::constant);
  ASSERT_EQ(table.initial.size(), 16U);
  EXPECT_EQ(table.initial[15], 0x40);  // 4.0f, little-endian
  EXPECT_EQ(variable("dynamic").linkage, Linkage::external);

  const Variable& mixed = variable("mixed");
  ASSERT_EQ(mixed.relocations.size(), 2U);
  EXPECT_EQ(mixed.relocations[0].symbol, "numbers");
  EXPECT_EQ(mixed.relocations[0].addend, 4);
  EXPECT_TRUE(mixed.relocations[0].generic);
  EXPECT_EQ(mixed.relocations[1].offset, 8U);
  ASSERT_EQ(mixed.initial.size(), 24U);
  EXPECT_EQ(mixed.initial[23], 0x40);  // 2.5 = 0x4004000000000000

  const Variable& functions = variable("functions");
  ASSERT_EQ(functions.relocations.size(), 2U);
  EXPECT_EQ(functions.relocations[1].offset, 8U);
  EXPECT_NE(functions.relocations[1].symbol.find("thrice"), std::string::npos);
}

TEST_P(NvccPtx, MapsInstructionsToCudaLines) {
  const std::uint32_t line = fixture_line("marker: store to shared memory");
  const Function& kernel = function("everythingIf");
  const auto store =
      std::find_if(kernel.body.begin(), kernel.body.end(),
                   [](const Instruction& one) { return one.mnemonic().starts_with("st.shared."); });
  ASSERT_NE(store, kernel.body.end());
  EXPECT_EQ(store->where.cuda_line, line);
  EXPECT_NE(module_.files.at(store->where.cuda_file).find("fixture.cu"), std::string::npos);
}

TEST_P(NvccPtx, KeepsCallsApart) {
  const Function& kernel = function("everythingIf");
  bool indirect = false;
  bool printf = false;
  for (const CallInfo& call : kernel.calls) {
    EXPECT_EQ(kernel.body.at(call.instruction).opcode, "call");
    if (std::holds_alternative<RegisterOperand>(call.callee.value)) {
      indirect = true;
      EXPECT_TRUE(kernel.prototypes.contains(call.prototype));
    } else if (std::get<SymbolOperand>(call.callee.value).name == "vprintf") {
      printf = true;
      EXPECT_EQ(call.arguments.size(), 2U);
      EXPECT_EQ(call.returns.size(), 1U);
    }
  }
  EXPECT_TRUE(indirect);
  EXPECT_TRUE(printf);
  // Every call sequence has its own param0.
  std::map<std::string, int> names;
  for (const Variable& one : kernel.variables) {
    EXPECT_EQ(++names[one.name], 1) << one.name;
  }
}

TEST_P(NvccPtx, ResolvesRepeatedLabelsByBlock) {
  const Function& kernel = function("everythingIf");
  std::vector<std::uint32_t> targets;
  for (std::size_t i = 0; i < kernel.body.size(); ++i) {
    if (kernel.body[i].opcode == "trap") {
      const auto& label = std::get<LabelOperand>(kernel.body[i - 1].operands.at(0).value);
      EXPECT_EQ(label.target, i + 1);
      targets.push_back(label.target);
    }
  }
  EXPECT_EQ(targets.size(), 2U);
}

// A cut anywhere is an error or a shorter module, never a crash; a flipped byte likewise.
TEST_P(NvccPtx, SurvivesTruncatedAndDamagedText) {
  constexpr std::size_t kCuts = 150;
  std::size_t errors = 0;
  for (std::size_t size = 0; size < text_.size(); size += 1 + text_.size() / kCuts) {
    try {
      (void)parse(text_.substr(0, size), "cut.ptx");
    } catch (const ParseError& error) {
      ++errors;
      EXPECT_TRUE(std::string(error.what()).starts_with("cut.ptx:")) << error.what();
    }
  }
  EXPECT_GT(errors, kCuts / 2);
  constexpr char kReplacements[] = {'\0', '"', '{', '}', '.', '9', '\xff', '\n'};
  std::size_t next = 0;
  for (std::size_t at = 0; at < text_.size(); at += 1 + text_.size() / kCuts) {
    std::string damaged = text_;
    damaged[at] = kReplacements[next++ % std::size(kReplacements)];
    try {
      (void)parse(damaged, "damaged.ptx");
    } catch (const ParseError&) {
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, NvccPtx, testing::Values("80", "90a", "100f", "103a"),
                         [](const auto& instance) { return std::string("sm_") + instance.param; });

}  // namespace
}  // namespace rackproof::emulator::ptx
