// What the parser accepts the decoder accepts too, or refuses by name: every instruction of the
// targets that the executor covers, and every instruction that real programs hold.
#include "emulator/exec/program_impl.hpp"
#include "emulator/ptx/parser.hpp"
#include "tests/emulator/exec/kernel_runner.hpp"
#include "tests/emulator/ptx/oracle_lines.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rackproof::emulator::exec::testing {
namespace {

struct Refusal {
  std::string_view start;   ///< of the line
  std::string_view reason;  ///< part of the message
};
// The whole list of what the targets below have and the executor has not.
constexpr std::array kRefused = {
    Refusal{"tex.", "textures and surfaces"},     Refusal{"tld4.", "textures and surfaces"},
    Refusal{"txq.", "textures and surfaces"},     Refusal{"suld.", "textures and surfaces"},
    Refusal{"sust.", "textures and surfaces"},    Refusal{"sured.", "textures and surfaces"},
    Refusal{"suq.", "textures and surfaces"},     Refusal{"multimem.", "multicast memory"},
    Refusal{"istypep.", "textures and surfaces"},
};

const Refusal* refusal(std::string_view line) {
  for (const Refusal& each : kRefused) {
    if (line.starts_with(each.start)) {
      return &each;
    }
  }
  return nullptr;
}

void check_lines(const std::string& file, const std::vector<std::string>& targets,
                 std::size_t at_least) {
  std::map<std::string, std::vector<ptx::oracle::Line>> groups;
  for (auto& line : ptx::oracle::read_lines(file)) {
    groups[line.target].push_back(line);
  }
  std::size_t decoded = 0;
  for (const std::string& target : targets) {
    const auto& lines = groups[target];
    auto module =
        std::make_shared<ptx::Module>(ptx::parse(ptx::oracle::make_module(target, lines), "lines"));
    memory::AddressSpace addresses;
    const Program program(std::move(module), nullptr, 90, 0, addresses);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const Refusal* const expected = refusal(lines[i].text);
      try {
        (void)program.impl().decoded(i);
        EXPECT_EQ(expected, nullptr) << target << ": accepted " << lines[i].text;
        ++decoded;
      } catch (const UnsupportedInstruction& refused) {
        const std::string message = refused.what();
        EXPECT_TRUE(expected != nullptr && message.find(expected->reason) != std::string::npos)
            << target << ": " << lines[i].text << "\n"
            << message;
      }
    }
  }
  EXPECT_GE(decoded, at_least);
}

TEST(Decode, EveryInstructionOfTheTargetsRunsOrIsRefusedByName) {
  check_lines("legal.txt",
              {"sm_80", "sm_86", "sm_89", "sm_90a", "sm_100a", "sm_103a", "sm_100f", "sm_103f"},
              1530);
}

TEST(Decode, EveryInstructionOfRealCode) {
  check_lines("real_code.txt", {"sm_80", "sm_89", "sm_90", "sm_90a"}, 440);
}

// ld.param and st.param need parameters to work on.
TEST(Decode, ParametersOfKernelsAndFunctions) {
  std::string loads;
  for (const std::string type :
       {"b32", "f32", "f64", "s32", "s8", "u16", "u32", "u64", "u8", "v2.f32", "v2.u32", "v2.u64",
        "v2.u8", "v4.u32", "v4.u8", "v4.f32"}) {
    const std::string one = type.substr(type.find('.') == std::string::npos ? 0 : 3);
    const std::string reg = one == "f32" ? "%f" : one == "f64" ? "%d" : one == "u64" ? "%x" : "%r";
    std::string list;
    const int count = type[0] == 'v' ? type[1] - '0' : 1;
    for (int i = 0; i < count; ++i) {
      list += (i == 0 ? "" : ", ") + reg + std::to_string(i);
    }
    loads += "ld.param." + type + " " + (count > 1 ? "{" + list + "}" : list) + ", [p+16];\n";
  }
  const std::string text =
      header() +
      ".func (.param .b32 out) f(.param .b32 a, .param .b64 b)\n{\n.reg .b32 %r<2>;\nld.param.u32 "
      "%r0, [a];\nst.param.b32 [out], %r0;\nret;\n}\n.entry k(.param .align 16 .b8 p[64])\n{\n.reg "
      ".b32 %r<4>;\n.reg .f32 %f<4>;\n.reg .f64 %d<4>;\n.reg .b64 %x<4>;\n" +
      loads +
      "{\n.param .b32 a;\n.param .b64 b;\n.param .b32 o;\nst.param.b32 [a], %r0;\nst.param.b64 "
      "[b], "
      "%x0;\ncall.uni (o), f, (a, b);\nld.param.b32 %r1, [o];\n}\nret;\n}\n";
  memory::AddressSpace addresses;
  const Program program(std::make_shared<ptx::Module>(ptx::parse(text, "parameters")), nullptr, 80,
                        0, addresses);
  EXPECT_NO_THROW((void)program.impl().decoded(0));
}

}  // namespace
}  // namespace rackproof::emulator::exec::testing
