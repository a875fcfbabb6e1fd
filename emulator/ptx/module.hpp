#pragma once
/// The syntax tree of one PTX module: what the parser promises and the executor relies on.
/// Source: PTX ISA 9.0, chapters 4 (syntax), 5 (state spaces, types), 6 (operands), 10, 11.

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace rackproof::emulator::ptx {

enum class StateSpace : std::uint8_t { none, reg, sreg, constant, global, local, param, shared };

enum class Type : std::uint8_t {
  none,
  b8,
  b16,
  b32,
  b64,
  b128,
  u8,
  u16,
  u32,
  u64,
  s8,
  s16,
  s32,
  s64,
  f16,
  f16x2,
  bf16,
  bf16x2,
  f32,
  f32x2,
  f64,
  tf32,
  e4m3,
  e5m2,
  e4m3x2,
  e5m2x2,
  e2m1x2,
  e2m3x2,
  e3m2x2,
  e4m3x4,
  e5m2x4,
  e2m3x4,
  e3m2x4,
  e2m1x4,
  ue8m0x2,
  u16x2,
  s16x2,
  pred,
  texref,
  samplerref,
  surfref,
};
[[nodiscard]] std::string_view to_string(Type type);
[[nodiscard]] std::uint32_t size_bytes(Type type);  ///< 0 for pred and opaque types

/// Where a statement stands. File names index Module::files (from `.file`); line 0: unknown.
struct SourceLocation {
  std::uint32_t ptx_line = 0;
  std::uint32_t cuda_file = 0;  ///< 1-based index of `.loc`, 0: none
  std::uint32_t cuda_line = 0;
};

/// Registers are numbered densely per function, in order of declaration and scope; a register
/// redeclared in an inner `{}` scope is a different register.
using RegisterIndex = std::uint32_t;
inline constexpr RegisterIndex kNoRegister = 0xffffffff;

struct Register {
  std::string name;  ///< "%r12"
  Type type = Type::none;
};

/// %tid.x, %ctaid.y, %laneid, %clock64, %envreg1, ... : the name without "%" and with its suffix.
struct SpecialRegister {
  std::string name;
};
struct RegisterOperand {
  RegisterIndex index = kNoRegister;
  bool negated = false;  ///< "!%p1"
  /// The part a video instruction reads or writes: "b0" to "b3", "h0", "h1".
  std::string_view selector{};
};
/// An integer literal, sign-extended from its value in the source (12, -1, 0x80000000U, WARP_SZ).
struct IntegerLiteral {
  std::int64_t value = 0;
};
/// 0fXXXXXXXX keeps its bits; 0dXXXXXXXXXXXXXXXX and decimal literals are doubles.
struct FloatLiteral {
  std::uint64_t bits = 0;
  bool is_f32 = false;
};
/// A variable or a function used as a value: `mov.u64 %rd1, smem;`, with an optional offset.
struct SymbolOperand {
  std::string name;
  std::int64_t offset = 0;
};
struct LabelOperand {
  /// Index of the instruction the label stands before; body.size() if it is the last statement.
  std::uint32_t target = 0;
};
/// [reg+imm], [symbol+imm] or [imm].
struct AddressOperand {
  RegisterIndex base = kNoRegister;  ///< or
  std::string symbol{};              ///< a named variable or parameter; empty if none
  std::int64_t offset = 0;
};
/// "_": a result that nobody wants.
struct SinkOperand {};
struct Operand;
/// {%r1, %r2, ...}
struct VectorOperand {
  std::vector<Operand> elements;
};
/// Tensor coordinates: [%rd1, {%r1, %r2}] and similar two-part addresses.
struct TensorAddressOperand {
  std::vector<Operand> parts;  ///< an AddressOperand, then VectorOperands or AddressOperands
};
/// `dst|pred`: two destinations written as one operand (setp p|q, shfl.sync d|p).
struct PairOperand {
  std::vector<Operand> elements;  ///< two
};
struct Operand {
  std::variant<RegisterOperand, SpecialRegister, IntegerLiteral, FloatLiteral, SymbolOperand,
               LabelOperand, AddressOperand, SinkOperand, VectorOperand, TensorAddressOperand,
               PairOperand>
      value;
};

struct Guard {
  RegisterIndex predicate = kNoRegister;
  bool negated = false;  ///< @!p
};

/// One instruction: `@p add.s32 d, a, b;` has opcode "add", modifiers {"s32"} and three operands.
/// Modifiers keep their order and their "::" (".shared::cta" is "shared::cta"). Opcode and
/// modifiers are views of the instruction table's static names: compare them freely, copy the
/// struct freely.
struct Instruction {
  std::string_view opcode;
  std::vector<std::string_view> modifiers;
  std::vector<Operand> operands;
  std::optional<Guard> guard;
  SourceLocation where;

  [[nodiscard]] std::string mnemonic() const;  ///< "ld.global.v4.u32"
};

/// `call (ret), name, (args), prototype_or_table;` operands: see CallInfo (operands stay empty).
struct CallInfo {
  std::size_t instruction = 0;  ///< its index in Function::body
  bool uniform = false;
  std::vector<Operand> returns;
  Operand callee;  ///< SymbolOperand, or RegisterOperand for an indirect call
  std::vector<Operand> arguments;
  std::string prototype;  ///< label of .callprototype or .calltargets; empty for direct calls
};

/// Initial value: bytes, with addresses of symbols to be patched in at load.
struct Relocation {
  std::uint64_t offset = 0;
  std::string symbol{};
  std::int64_t addend = 0;
  bool generic = true;  ///< generic(symbol); false: address within its state space
  std::uint32_t size_bytes = 8;
  std::uint32_t shift_bits = 0;  ///< 0xFF00(symbol) stores bits 8 to 15 of the address: 8
};

enum class Linkage : std::uint8_t { internal, visible, external, weak, common };

struct Variable {
  std::string name;
  StateSpace space = StateSpace::none;
  Type type = Type::none;
  std::uint32_t vector_elements = 1;      ///< .v2, .v4, .v8
  std::vector<std::uint64_t> dimensions;  ///< empty: scalar; a leading 0: extern unsized array
  std::uint32_t alignment = 0;            ///< bytes, never 0 after parsing
  std::uint64_t size_bytes = 0;
  Linkage linkage = Linkage::internal;
  bool managed = false;               ///< .attribute(.managed)
  std::vector<std::uint8_t> initial;  ///< shorter than size: rest is zero
  std::vector<Relocation> relocations;
  SourceLocation where;
};

/// Launch bounds and other performance directives of a kernel; 0: not given.
struct Directives {
  std::array<std::uint32_t, 3> max_threads{};       ///< .maxntid
  std::array<std::uint32_t, 3> required_threads{};  ///< .reqntid
  std::uint32_t min_blocks_per_sm = 0;              ///< .minnctapersm
  std::uint32_t max_registers = 0;                  ///< .maxnreg
  std::array<std::uint32_t, 3> required_cluster{};  ///< .reqnctapercluster
  std::uint32_t max_cluster_rank = 0;               ///< .maxclusterrank
  bool explicit_cluster = false;
  bool blocks_are_clusters = false;  ///< .blocksareclusters
  bool noreturn = false;
};

struct CallPrototype {
  std::vector<Variable> returns;
  std::vector<Variable> parameters;
};

struct Function {
  std::string name;
  std::string module_name;  ///< where modules were linked: the one it comes from
  bool is_kernel = false;   ///< .entry, else .func
  bool is_declaration = false;
  Linkage linkage = Linkage::internal;
  std::vector<Variable> returns;
  std::vector<Variable> parameters;  ///< .param, or .reg: then also a register of that name
  Directives directives;
  std::vector<Register> registers;
  std::vector<Variable> variables;  ///< .local, .shared, .param declared in the body; names are
                                    ///< made unique by a "$n" suffix if a scope repeats them
  std::vector<Instruction> body;
  std::vector<CallInfo> calls;
  std::map<std::string, CallPrototype> prototypes;
  std::map<std::string, std::vector<std::string>> call_targets;
  std::map<std::string, std::vector<std::uint32_t>> branch_targets;  ///< .branchtargets (brx.idx)
  SourceLocation where;
};

struct Module {
  std::uint32_t version_major = 0;
  std::uint32_t version_minor = 0;
  std::string target;  ///< "sm_80", "sm_103a", "sm_100f"
  std::uint32_t address_bits = 64;
  std::vector<std::string> files;  ///< index 0 is unused; `.file 1 "x.cu"` is files[1]
  std::vector<Variable> variables;
  std::vector<Function> functions;
};

}  // namespace rackproof::emulator::ptx
