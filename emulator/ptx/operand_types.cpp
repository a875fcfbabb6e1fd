#include "emulator/ptx/operand_types.hpp"

#include "emulator/ptx/lexer.hpp"
#include "emulator/ptx/types.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace rackproof::emulator::ptx {
namespace {

using Modifiers = std::span<const std::string_view>;

bool has(Modifiers modifiers, std::string_view name) {
  return std::find(modifiers.begin(), modifiers.end(), name) != modifiers.end();
}

template <std::size_t kSize>
bool is_one_of(std::string_view name, const std::array<std::string_view, kSize>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<Type> types_of(Modifiers modifiers) {
  std::vector<Type> types;
  for (const std::string_view modifier : modifiers) {
    if (const auto type = type_from_string(modifier)) {
      types.push_back(*type);
    }
  }
  return types;
}

bool is_integer(Type type) {
  return type >= Type::u8 && type <= Type::s64;
}
bool is_bits(Type type) {
  return type >= Type::b8 && type <= Type::b128;
}

/// May an operand of `type` be held in a register declared as `declared`?
bool agrees(const OperandType& wanted, Type declared) {
  const Type type = wanted.type;
  if (type == Type::pred || declared == Type::pred) {
    return type == declared;
  }
  const std::uint32_t have = size_bytes(declared);
  const std::uint32_t need = size_bytes(type);
  if (have < need || (have > need && !wanted.may_be_wider)) {
    return false;
  }
  if (is_bits(declared) || is_bits(type)) {
    return true;
  }
  if (is_integer(type)) {
    return is_integer(declared) || declared == Type::f16x2;
  }
  switch (type) {
    case Type::f16:
    case Type::f16x2:
    case Type::f32:
    case Type::f64:
      return declared == type;
    case Type::bf16:
    case Type::bf16x2:
      return false;
    default:
      return true;
  }
}

struct Shape {
  std::uint32_t m = 0;
  std::uint32_t n = 0;
  std::uint32_t k = 0;
};

std::optional<Shape> shape_of(Modifiers modifiers) {
  for (const std::string_view text : modifiers) {
    Shape shape;
    const char* const end = text.data() + text.size();
    const char* at = text.data();
    bool good = text.size() > 4 && text[0] == 'm';
    for (std::uint32_t* const part : {&shape.m, &shape.n, &shape.k}) {
      const auto [next, error] = std::from_chars(std::min(at + 1, end), end, *part);
      good = good && error == std::errc();
      at = next;
    }
    if (good && at == end) {
      return shape;
    }
  }
  return std::nullopt;
}

/// Registers of mma.sync: D, A, B, C (PTX ISA 9.0, section 9.7.14.5).
std::vector<OperandType> matrix_registers(Modifiers modifiers) {
  struct Element {
    std::string_view name;
    std::uint32_t bits;
    Type in_register;
  };
  constexpr std::array kElements = {
      Element{"f16", 16, Type::b32}, Element{"bf16", 16, Type::b32}, Element{"tf32", 32, Type::b32},
      Element{"e4m3", 8, Type::b32}, Element{"e5m2", 8, Type::b32},  Element{"f32", 32, Type::f32},
      Element{"f64", 64, Type::f64}, Element{"s32", 32, Type::b32},  Element{"u8", 8, Type::b32},
      Element{"s8", 8, Type::b32},   Element{"u4", 4, Type::b32},    Element{"s4", 4, Type::b32},
      Element{"b1", 1, Type::b32}};
  const auto shape = shape_of(modifiers);
  std::vector<const Element*> types;
  for (const std::string_view modifier : modifiers) {
    for (const Element& element : kElements) {
      if (element.name == modifier) {
        types.push_back(&element);
      }
    }
  }
  const bool other_kind =
      std::any_of(modifiers.begin(), modifiers.end(),
                  [](std::string_view name) { return name.starts_with("kind::"); });
  if (!shape || types.size() != 4 || other_kind) {
    return {};
  }
  constexpr std::uint32_t kThreads = 32;
  const bool sparse = !modifiers.empty() && modifiers[0].starts_with("sp");
  // The eight threads of a quad pair of sm_70 share an m8n8k4 of f16.
  const bool quad_pairs = shape->m == 8 && shape->k == 4 && types[1]->bits == 16;
  const auto operand = [&](std::uint32_t elements, const Element& element, std::uint32_t packed) {
    const std::uint32_t threads = quad_pairs ? 8 : kThreads;
    return OperandType{element.in_register, false, elements * element.bits / packed / threads};
  };
  const auto sum = [&](const Element& element) {
    return operand(shape->m * shape->n, element, std::max(element.bits, 32U));
  };
  const auto factor = [&](std::uint32_t elements, const Element& element) {
    return operand(elements, element, std::max(element.bits, 32U));
  };
  return {sum(*types[0]), factor(shape->m * shape->k / (sparse ? 2 : 1), *types[1]),
          factor(shape->k * shape->n, *types[2]), sum(*types[3])};
}

std::vector<OperandType> memory_types(std::string_view opcode, Modifiers modifiers,
                                      const std::vector<Type>& types) {
  if (types.size() != 1) {
    return {};
  }
  if (opcode == "st") {
    return {{}, {types[0], true, 0}};
  }
  if (opcode == "ld" || opcode == "ldu") {
    return {{types[0], true, 0}};
  }
  const OperandType value{types[0], false, 0};
  if (has(modifiers, "async")) {
    return {};
  }
  return opcode == "red" ? std::vector<OperandType>{{}, value}
                         : std::vector<OperandType>{
                               value, {}, value, has(modifiers, "cas") ? value : OperandType{}};
}

Type twice(Type type) {
  switch (type) {
    case Type::u16:
      return Type::u32;
    case Type::s16:
      return Type::s32;
    case Type::u32:
      return Type::u64;
    default:
      return Type::s64;
  }
}

}  // namespace

std::vector<OperandType> operand_types(std::string_view opcode, Modifiers modifiers) {
  constexpr std::array<std::string_view, 36> kUniform = {
      "add", "sub", "addc", "subc", "mul",  "mad",  "madc",  "mul24",    "mad24",
      "sad", "div", "rem",  "abs",  "neg",  "min",  "max",   "and",      "or",
      "xor", "not", "cnot", "fma",  "rcp",  "sqrt", "rsqrt", "sin",      "cos",
      "lg2", "ex2", "tanh", "brev", "prmt", "shf",  "lop3",  "copysign", "mov"};
  constexpr std::array<std::string_view, 5> kMemory = {"ld", "ldu", "st", "atom", "red"};
  const std::vector<Type> types = types_of(modifiers);
  if (opcode == "mma") {
    return matrix_registers(modifiers);
  }
  if (opcode == "ldmatrix" || opcode == "stmatrix") {
    // A matrix of 16 rows and 16 columns takes two registers, others take one.
    const std::uint32_t matrices = has(modifiers, "x1") ? 1 : has(modifiers, "x2") ? 2 : 4;
    const OperandType rows{Type::b32, false, has(modifiers, "m16n16") ? 2 * matrices : matrices};
    return opcode == "ldmatrix" ? std::vector<OperandType>{rows}
                                : std::vector<OperandType>{{}, rows};
  }
  if (opcode == "mbarrier" && (has(modifiers, "test_wait") || has(modifiers, "try_wait"))) {
    const OperandType phase{has(modifiers, "parity") ? Type::b32 : Type::b64, false, 0};
    return {{Type::pred, false, 0}, {}, phase, {Type::b32, false, 0}};
  }
  if (is_one_of(opcode, kMemory)) {
    return memory_types(opcode, modifiers, types);
  }
  if (opcode == "cvt" && types.size() == 2 && !has(modifiers, "pack") && !has(modifiers, "rs")) {
    return {{types[0], true, 0}, {types[1], true, 0}, {types[1], true, 0}};
  }
  if (types.size() != 1) {
    return {};
  }
  const OperandType same{types[0], false, 0};
  const OperandType count{Type::u32, false, 0};
  if (is_one_of(opcode, kUniform)) {
    if (has(modifiers, "wide")) {
      const OperandType wide{twice(types[0]), false, 0};
      return {wide, same, same, wide};
    }
    if (opcode == "mov") {
      const bool packs = !has(modifiers, "v2") && !has(modifiers, "v4");
      const OperandType moved{types[0], false, 0, packs};
      return {moved, moved};
    }
    return {same, same, same, same};
  }
  if (opcode == "shl" || opcode == "shr") {
    return {same, same, count};
  }
  if (opcode == "popc" || opcode == "clz" || opcode == "bfind") {
    return {count, same};
  }
  if (opcode == "bfe") {
    return {same, same, count, count};
  }
  if (opcode == "bfi") {
    return {same, same, same, count, count};
  }
  if (opcode == "selp") {
    return {same, same, same};
  }
  if (opcode == "setp") {
    return {{}, same, same};
  }
  return {};
}

namespace {

std::string check_register(const OperandType& wanted, const Operand& operand,
                           std::span<const Register> registers, std::size_t position) {
  const auto* const reg = std::get_if<RegisterOperand>(&operand.value);
  if (reg == nullptr || wanted.type == Type::none) {
    return {};
  }
  const Register& declared = registers[reg->index];
  if (agrees(wanted, declared.type)) {
    return {};
  }
  return "operand " + std::to_string(position + 1) + ": a register of type ." +
         std::string(to_string(declared.type)) + " cannot be ." +
         std::string(to_string(wanted.type)) + " here";
}

}  // namespace

std::string check_operand_types(std::span<const OperandType> types,
                                std::span<const Operand> operands,
                                std::span<const Register> registers) {
  static const std::vector<Operand> kNothing;
  const std::size_t count = std::min(types.size(), operands.size());
  for (std::size_t i = 0; i < count; ++i) {
    const OperandType& wanted = types[i];
    std::string problem;
    if (const auto* const vector = std::get_if<VectorOperand>(&operands[i].value)) {
      if (wanted.registers != 0 && vector->elements.size() != wanted.registers) {
        return "operand " + std::to_string(i + 1) + " has to have " +
               std::to_string(wanted.registers) + " registers, not " +
               std::to_string(vector->elements.size());
      }
      for (const Operand& element : wanted.scalar_only ? kNothing : vector->elements) {
        problem = problem.empty() ? check_register(wanted, element, registers, i) : problem;
      }
    } else if (const auto* const pair = std::get_if<PairOperand>(&operands[i].value)) {
      problem = check_register(wanted, pair->elements[0], registers, i);
    } else if (wanted.registers > 1) {
      return "operand " + std::to_string(i + 1) + " has to have " +
             std::to_string(wanted.registers) + " registers";
    } else {
      problem = check_register(wanted, operands[i], registers, i);
    }
    if (!problem.empty()) {
      return problem;
    }
  }
  return {};
}

}  // namespace rackproof::emulator::ptx
