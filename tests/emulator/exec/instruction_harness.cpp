#include "tests/emulator/exec/instruction_harness.hpp"

namespace rackproof::emulator::exec::testing {
namespace {

std::string register_type(std::size_t width) {
  return width <= 2 ? ".b16" : width == 4 ? ".b32" : ".b64";
}
std::string memory_type(std::size_t width) {
  return width == 1 ? "u8" : width == 2 ? "u16" : width == 4 ? "u32" : "u64";
}

}  // namespace

std::string operand_kernel(const std::string& instruction, std::size_t result_width,
                           const std::vector<std::size_t>& widths, const std::string& target) {
  const bool predicate = instruction.find("%p") != std::string::npos;
  std::string text = header(target) +
                     ".visible .entry k(.param .u64 out, .param .u64 in0, .param .u64 in1, "
                     ".param .u64 in2, .param .u64 in3, .param .u32 n)\n{\n"
                     ".reg .pred %p, %q<4>, %done;\n.reg .b32 %i, %n, %t<4>, %w;\n"
                     ".reg .b64 %x, %y, %u<4>;\n.reg .b16 %h<4>;\n.reg " +
                     register_type(result_width) + " %d;\n";
  const std::string names = "abce";
  for (std::size_t i = 0; i < widths.size(); ++i) {
    text += ".reg " + register_type(widths[i]) + " %" + names[i] + ";\n";
  }
  text +=
      "mov.u32 %i, %ctaid.x;\nmov.u32 %n, %ntid.x;\nmov.u32 %w, %tid.x;\n"
      "mad.lo.s32 %i, %i, %n, %w;\nld.param.u32 %n, [n];\nsetp.ge.u32 %done, %i, %n;\n@%done "
      "ret;\n";
  for (std::size_t i = 0; i < widths.size(); ++i) {
    text += "ld.param.u64 %x, [in" + std::to_string(i) + "];\nmul.wide.u32 %y, %i, " +
            std::to_string(widths[i]) + ";\nadd.s64 %x, %x, %y;\nld.global." +
            memory_type(widths[i]) + " %" + names[i] + ", [%x];\n";
  }
  text += instruction + "\n";
  if (predicate) {
    text += "selp.u32 %d, 1, 0, %p;\n";
  }
  text += "ld.param.u64 %x, [out];\nmul.wide.u32 %y, %i, " + std::to_string(result_width) +
          ";\nadd.s64 %x, %x, %y;\nst.global." + memory_type(result_width) +
          " [%x], %d;\nret;\n}\n";
  return text;
}

}  // namespace rackproof::emulator::exec::testing
