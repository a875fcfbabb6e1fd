// Rows of a frame against walks through random functions, and bank conflicts against their
// definition.
#include "emulator/exec/control_flow.hpp"
#include "emulator/exec/lane_ops.hpp"
#include "emulator/exec/register_rows.hpp"
#include "emulator/ptx/parser.hpp"
#include "tests/emulator/exec/kernel_runner.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace rackproof::emulator::exec::testing {
namespace {

using Random = std::mt19937;

std::uint32_t below(Random& random, std::uint32_t bound) {
  return static_cast<std::uint32_t>(random() % bound);
}

constexpr std::uint32_t kRegisters = 24;

std::string name(Random& random) {
  return "%r" + std::to_string(below(random, kRegisters));
}

// Straight code, loops, guarded writes and a switch, on few registers of two widths.
std::string random_function(Random& random) {
  constexpr std::uint32_t kLength = 60;
  std::string text = header() + ".visible .entry k()\n{\n.reg .b32 %r<" +
                     std::to_string(kRegisters) + ">;\n.reg .b64 %d<8>;\n.reg .pred %p<4>;\n";
  text += "SWITCH: .branchtargets L1, L20, L40;\n";
  for (std::uint32_t i = 0; i < kLength; ++i) {
    text += "L" + std::to_string(i) + ":\n";
    const std::string predicate = "%p" + std::to_string(below(random, 4));
    const std::string wide = "%d" + std::to_string(below(random, 8));
    const std::string label = "L" + std::to_string(below(random, kLength));
    switch (below(random, 12)) {
      case 0:
        text += "@" + predicate + " bra " + label + ";\n";
        break;
      case 1:
        text +=
            below(random, 4) == 0 ? "bra " + label + ";\n" : "mov.b32 " + name(random) + ", 7;\n";
        break;
      case 2:
        text += "@" + predicate + " mov.b32 " + name(random) + ", " + name(random) + ";\n";
        break;
      case 3:
        text += "setp.eq.u32 " + predicate + ", " + name(random) + ", " + name(random) + ";\n";
        break;
      case 4:
        text += "mov.b64 {" + name(random) + ", " + name(random) + "}, " + wide + ";\n";
        break;
      case 5:
        text += "cvt.u64.u32 " + wide + ", " + name(random) + ";\n";
        break;
      case 6:
        text += "ld.global.v2.b32 {" + name(random) + ", _}, [" + wide + "];\n";
        break;
      case 7:
        text += "st.global.b32 [" + wide + "], " + name(random) + ";\n";
        break;
      case 8:
        text += below(random, 8) == 0 ? "brx.idx " + name(random) + ", SWITCH;\n"
                                      : "shfl.sync.idx.b32 " + name(random) + "|" + predicate +
                                            ", " + name(random) + ", 0, 31, -1;\n";
        break;
      default:
        text += "add.u32 " + name(random) + ", " + name(random) + ", " + name(random) + ";\n";
        break;
    }
  }
  return text + "ret;\n}\n";
}

/// Registers that the first operand names without being read.
std::set<ptx::RegisterIndex> results(const ptx::Instruction& instruction) {
  std::vector<ptx::RegisterIndex> registers;
  const bool has_result = instruction.opcode != "st" && instruction.opcode != "bra" &&
                          instruction.opcode != "brx" && !instruction.operands.empty();
  if (has_result) {
    collect_registers(instruction.operands.front(), registers);
  }
  return {registers.begin(), registers.end()};
}

std::set<ptx::RegisterIndex> sources(const ptx::Instruction& instruction) {
  std::vector<ptx::RegisterIndex> registers;
  const std::size_t first = results(instruction).empty() ? 0 : 1;
  for (std::size_t i = first; i < instruction.operands.size(); ++i) {
    collect_registers(instruction.operands[i], registers);
  }
  if (instruction.guard) {
    registers.push_back(instruction.guard->predicate);
  }
  return {registers.begin(), registers.end()};
}

/// One thread's way through the function: whatever it wrote to a register is still there when it
/// reads it, and an instruction's results lie beside its sources.
void walk(const ptx::Function& function, const std::vector<std::uint32_t>& rows, Random& random) {
  const auto row_of = [&](ptx::RegisterIndex index) {
    return std::pair{ptx::size_bytes(function.registers[index].type), rows[index]};
  };
  std::map<std::pair<std::uint32_t, std::uint32_t>, ptx::RegisterIndex> owner;
  std::set<ptx::RegisterIndex> written;
  std::uint32_t index = 0;
  for (int steps = 0; steps < 300 && index < function.body.size(); ++steps) {
    const ptx::Instruction& instruction = function.body[index];
    const auto reads = sources(instruction);
    for (const ptx::RegisterIndex read : reads) {
      if (written.contains(read)) {
        ASSERT_EQ(owner.at(row_of(read)), read)
            << instruction.mnemonic() << " at " << index << " reads "
            << function.registers[read].name << ", which another register overwrote";
      }
    }
    // A guarded instruction may leave everything as it was.
    const bool happens = !instruction.guard || below(random, 2) == 0;
    for (const ptx::RegisterIndex result : results(instruction)) {
      for (const ptx::RegisterIndex read : reads) {
        ASSERT_TRUE(read == result || row_of(read) != row_of(result)) << instruction.mnemonic();
      }
      if (happens) {
        owner[row_of(result)] = result;
        written.insert(result);
      }
    }
    const auto next = successors(function, index);
    if (next.empty()) {
      return;
    }
    const bool jumps = instruction.opcode == "bra" && instruction.guard;
    index = jumps ? (happens ? next.front() : next.back())
                  : next[below(random, static_cast<std::uint32_t>(next.size()))];
  }
}

TEST(RegisterRows, KeepWhatIsStillNeeded) {
  Random random(1);
  std::size_t most = 0;
  std::size_t fewest = kRegisters;
  for (int i = 0; i < 150; ++i) {
    const std::string text = random_function(random);
    const ptx::Module module = ptx::parse(text, "random");
    const ptx::Function& function = module.functions.front();
    const std::vector<std::uint32_t> rows = assign_rows(function);
    std::set<std::uint32_t> words;
    for (std::size_t k = 0; k < rows.size(); ++k) {
      if (ptx::size_bytes(function.registers[k].type) == 4) {
        words.insert(rows[k]);
      }
    }
    most = std::max(most, words.size());
    fewest = std::min(fewest, words.size());
    for (int k = 0; k < 20; ++k) {
      walk(function, rows, random);
      if (::testing::Test::HasFatalFailure()) {
        FAIL() << text;
      }
    }
  }
  EXPECT_GT(most, std::size_t{8});
  EXPECT_LT(fewest, std::size_t{kRegisters});
}

TEST(RegisterRows, OfLongStraightCodeAreFew) {
  std::string text = header() + ".visible .entry k()\n{\n.reg .b32 %r<1000>;\nmov.b32 %r0, 1;\n";
  for (int i = 1; i < 1000; ++i) {
    const std::string before = "%r" + std::to_string(i - 1);
    text += "add.u32 %r" + std::to_string(i) + ", " + before + ", " + before + ";\n";
  }
  const ptx::Module module = ptx::parse(text + "ret;\n}\n", "straight");
  const std::vector<std::uint32_t> rows = assign_rows(module.functions.front());
  EXPECT_EQ(*std::max_element(rows.begin(), rows.end()), 1U);
}

/// CUDA programming guide: 32 banks of 4 bytes; a pass serves each bank with one word.
Wavefronts by_definition(const Addresses& addresses, std::uint32_t bytes, std::uint32_t lanes) {
  const std::uint32_t lanes_each = kWarpSize / std::max(1U, bytes / 4);
  Wavefronts result;
  for (std::uint32_t first = 0; first < kWarpSize; first += lanes_each) {
    std::map<std::uint64_t, std::set<std::uint64_t>> words_of_bank;
    for (std::uint32_t lane = first; lane < first + lanes_each; ++lane) {
      for (std::uint32_t byte = 0; byte < bytes && (lanes >> lane & 1) != 0; byte += 4) {
        const std::uint64_t word = (addresses.value[lane] + byte) / 4;
        words_of_bank[word % 32].insert(word);
      }
    }
    std::size_t passes = 0;
    for (const auto& [bank, words] : words_of_bank) {
      passes = std::max(passes, words.size());
    }
    result.taken += static_cast<std::uint32_t>(passes);
    result.minimum += passes == 0 ? 0 : 1;
  }
  return result;
}

TEST(Wavefronts, AreTheMostWordsOfABank) {
  Random random(2);
  for (int i = 0; i < 6000; ++i) {
    const std::uint32_t bytes = 1U << below(random, 6);
    const std::uint32_t lanes =
        below(random, 2) == 0 ? kFullMask : static_cast<std::uint32_t>(random()) | 1U << 9;
    // From all lanes at one place to wide apart, in steps or anywhere.
    const std::uint32_t places = 1U << below(random, 9);
    const std::uint32_t stride = below(random, 40);
    Addresses addresses;
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      const std::uint32_t place = i % 3 == 0 ? lane * stride : below(random, places);
      addresses.value[lane] = 1024 + std::uint64_t{place} * bytes;
    }
    lane_ops().summarise(lanes, bytes, addresses);
    const Wavefronts expected = by_definition(addresses, bytes, lanes);
    const Wavefronts counted = lane_ops().wavefronts(addresses, bytes, lanes);
    ASSERT_EQ(counted.taken, expected.taken) << bytes << " bytes, case " << i;
    ASSERT_EQ(counted.minimum, expected.minimum) << bytes << " bytes, case " << i;
  }
}

}  // namespace
}  // namespace rackproof::emulator::exec::testing
