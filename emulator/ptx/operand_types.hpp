#pragma once
/// Which registers an instruction takes: PTX ISA 9.0, section 9.4.1 ("operand size exceeding
/// instruction-type size") and table 28, as ptxas 13.0 applies them.

#include "emulator/ptx/module.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rackproof::emulator::ptx {

/// What the registers of one operand have to be. Type::none: not checked.
struct OperandType {
  Type type = Type::none;
  bool may_be_wider = false;    ///< ld, st and cvt: registers of more bytes
  std::uint32_t registers = 0;  ///< elements of a fragment or vector; 0: not checked
  bool scalar_only = false;     ///< elements of a vector are parts of it, not checked
};

/// By operand; shorter than the operands if the last ones are not checked.
[[nodiscard]] std::vector<OperandType> operand_types(std::string_view opcode,
                                                     std::span<const std::string_view> modifiers);

/// The problem, or an empty string.
[[nodiscard]] std::string check_operand_types(std::span<const OperandType> types,
                                              std::span<const Operand> operands,
                                              std::span<const Register> registers);

}  // namespace rackproof::emulator::ptx
