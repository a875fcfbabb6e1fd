/// The syntax tree of small texts, and the place and words of errors.

#include "emulator/ptx/parser.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <string>

namespace rackproof::emulator::ptx {
namespace {

const std::string kHeader = ".version 9.0\n.target sm_103a\n.address_size 64\n";

Module parse_module(const std::string& text) {
  return parse(kHeader + text, "test.ptx");
}

/// A kernel around `body`, with a few registers.
Module parse_kernel(const std::string& body) {
  return parse_module(
      ".global .align 16 .b8 data[64];\n"
      ".visible .entry kernel(.param .u64 pointer, .param .u32 count)\n{\n"
      ".reg .b32 %r<9>;\n.reg .b64 %rd<9>;\n.reg .f32 %f<9>;\n.reg .pred %p<9>;\n" +
      body + "\nret;\n}\n");
}
const Function& kernel_of(const Module& module) {
  return module.functions.at(0);
}
const Instruction& first(const Module& module) {
  return kernel_of(module).body.at(0);
}

template <typename T>
const T& operand(const Module& module, std::size_t index) {
  return std::get<T>(first(module).operands.at(index).value);
}

std::string error_of(const std::string& text) {
  try {
    (void)parse(text, "test.ptx");
  } catch (const ParseError& error) {
    return error.what();
  }
  return "no error";
}
std::string kernel_error(const std::string& body) {
  return error_of(kHeader + ".entry kernel(.param .u64 pointer)\n{\n.reg .b32 %r<9>;\n" + body +
                  "\n}\n");
}

TEST(PtxParser, SplitsMnemonics) {
  const Module module =
      parse_kernel("ld.global.L1::no_allocate.v4.u32 {%r0, %r1, _, %r3}, [%rd1];");
  EXPECT_EQ(first(module).opcode, "ld");
  EXPECT_EQ(first(module).modifiers,
            (std::vector<std::string_view>{"global", "L1::no_allocate", "v4", "u32"}));
  EXPECT_EQ(first(module).mnemonic(), "ld.global.L1::no_allocate.v4.u32");
  const auto& vector = operand<VectorOperand>(module, 0);
  ASSERT_EQ(vector.elements.size(), 4U);
  EXPECT_TRUE(std::holds_alternative<SinkOperand>(vector.elements[2].value));
}

TEST(PtxParser, AcceptsSpacesInMnemonics) {
  EXPECT_EQ(first(parse_kernel("add .u32 %r1, %r2, 3;")).mnemonic(), "add.u32");
}

TEST(PtxParser, ReadsIntegerLiterals) {
  const std::pair<const char*, std::int64_t> cases[] = {
      {"12", 12},
      {"-1", -1},
      {"0x80000000U", 0x80000000},
      {"0XfF", 255},
      {"017", 15},
      {"0b101", 5},
      {"0", 0},
      {"0xFFFFFFFFFFFFFFFF", -1},
      {"WARP_SZ", 32},
      {"3 + 4 * 2", 11},
      {"(3 + 4) * 2", 14},
      {"1 << 5 | 3", 35},
      {"-8 / 2", -4},
      {"-8 >> 1", -4},
      {"7 % 4", 3},
      {"~0", -1},
      {"(!5)", 0},
      {"1 ? 10 : 20", 10},
      {"2 < 1 ? 10 : 20", 20},
      {"(.u64)-1 > 0", 1},
      {"(.s64)2.75", 2},
      {"5 == 5 && 3 != 3", 0},
  };
  for (const auto& [text, value] : cases) {
    const Module module = parse_kernel("mov.b64 %rd1, " + std::string(text) + ";");
    EXPECT_EQ(operand<IntegerLiteral>(module, 1).value, value) << text;
  }
}

TEST(PtxParser, ReadsFloatLiterals) {
  const Module single = parse_kernel("mov.f32 %f1, 0f3F800000;");
  EXPECT_TRUE(operand<FloatLiteral>(single, 1).is_f32);
  EXPECT_EQ(operand<FloatLiteral>(single, 1).bits, 0x3f800000U);
  const Module negative = parse_kernel("mov.f32 %f1, -0f3F800000;");
  EXPECT_EQ(operand<FloatLiteral>(negative, 1).bits, 0xbf800000U);
  for (const char* text : {"0d4004000000000000", "2.5", "25.0e-1", "5.0/2.0"}) {
    const Module module = parse_kernel("mov.f32 %f1, " + std::string(text) + ";");
    EXPECT_FALSE(operand<FloatLiteral>(module, 1).is_f32);
    EXPECT_EQ(operand<FloatLiteral>(module, 1).bits, std::bit_cast<std::uint64_t>(2.5)) << text;
  }
}

TEST(PtxParser, ReadsAddresses) {
  const std::tuple<const char*, RegisterIndex, const char*, std::int64_t> cases[] = {
      {"[%rd1]", 10, "", 0},
      {"[%rd2+16]", 11, "", 16},
      {"[%rd2+-4]", 11, "", -4},
      {"[%rd2-4]", 11, "", -4},
      {"[data]", kNoRegister, "data", 0},
      {"[data+4*2]", kNoRegister, "data", 8},
      {"data[3]", kNoRegister, "data", 3},
      {"[4096]", kNoRegister, "", 4096},
  };
  for (const auto& [text, base, symbol, offset] : cases) {
    const Module module = parse_kernel("ld.global.u32 %r1, " + std::string(text) + ";");
    const auto& address = operand<AddressOperand>(module, 1);
    EXPECT_EQ(address.base, base) << text;
    EXPECT_EQ(address.symbol, symbol) << text;
    EXPECT_EQ(address.offset, offset) << text;
  }
}

TEST(PtxParser, ReadsTensorAddresses) {
  const Module module = parse_kernel(
      "cp.async.bulk.tensor.2d.shared::cta.global.tile.mbarrier::complete_tx::bytes "
      "[%rd1], [%rd2, {%r1, 7}], [%rd3];");
  const auto& tensor = operand<TensorAddressOperand>(module, 1);
  ASSERT_EQ(tensor.parts.size(), 2U);
  EXPECT_EQ(std::get<AddressOperand>(tensor.parts[0].value).base, 11U);
  EXPECT_EQ(std::get<VectorOperand>(tensor.parts[1].value).elements.size(), 2U);
}

TEST(PtxParser, ReadsPairsSinksAndNegatedPredicates) {
  const Module module = parse_kernel("setp.lt.and.s32 %p1|%p2, %r1, 5, !%p3;");
  const auto& pair = operand<PairOperand>(module, 0);
  ASSERT_EQ(pair.elements.size(), 2U);
  EXPECT_TRUE(operand<RegisterOperand>(module, 3).negated);
  const Module sink = parse_kernel("elect.sync _|%p1, -1;");
  EXPECT_TRUE(std::holds_alternative<SinkOperand>(operand<PairOperand>(sink, 0).elements[0].value));
}

TEST(PtxParser, ReadsGuards) {
  const Module module = parse_kernel("@!%p2 add.u32 %r1, %r2, %r3;");
  ASSERT_TRUE(first(module).guard.has_value());
  EXPECT_TRUE(first(module).guard->negated);
  EXPECT_EQ(kernel_of(module).registers[first(module).guard->predicate].name, "%p2");
}

TEST(PtxParser, ReadsSpecialRegisters) {
  for (const char* name : {"tid.x", "ctaid.z", "laneid", "clock64", "envreg31", "cluster_ctarank",
                           "globaltimer_lo", "dynamic_smem_size", "lanemask_lt"}) {
    const Module module = parse_kernel("mov.u32 %r1, %" + std::string(name) + ";");
    EXPECT_EQ(operand<SpecialRegister>(module, 1).name, name);
  }
}

TEST(PtxParser, ShadowsRegistersInBlocks) {
  const Module module = parse_kernel(
      "mov.u32 %r1, 1;\n{ .reg .b32 %r1; mov.u32 %r1, 2; { .reg .u32 %r<2>; mov.u32 %r1, 3; } }\n"
      "mov.u32 %r1, 4;");
  std::vector<RegisterIndex> indices;
  for (std::size_t i = 0; i < 4; ++i) {
    indices.push_back(std::get<RegisterOperand>(kernel_of(module).body[i].operands[0].value).index);
  }
  EXPECT_EQ(indices[0], indices[3]);
  EXPECT_NE(indices[0], indices[1]);
  EXPECT_NE(indices[1], indices[2]);
  EXPECT_EQ(kernel_of(module).registers[indices[2]].type, Type::u32);
}

TEST(PtxParser, FamiliesMayEndInDigits) {
  const Module module = parse_kernel(".reg .b32 %t1<5>;\nmov.u32 %t14, 1;");
  const auto& reg = operand<RegisterOperand>(module, 0);
  EXPECT_EQ(kernel_of(module).registers[reg.index].name, "%t14");
}

TEST(PtxParser, SplitsVectorRegisters) {
  const Module module =
      parse_kernel(".reg .v4 .f32 v;\nmov.f32 v.z, 0f00000000;\nst.global.v4.f32 [%rd1], v;");
  const Function& kernel = kernel_of(module);
  const auto& element = std::get<RegisterOperand>(kernel.body[0].operands[0].value);
  const auto& whole = std::get<VectorOperand>(kernel.body[1].operands[1].value);
  ASSERT_EQ(whole.elements.size(), 4U);
  EXPECT_EQ(std::get<RegisterOperand>(whole.elements[2].value).index, element.index);
}

TEST(PtxParser, ResolvesLabelsForwardsAndBackwards) {
  const Module module = parse_kernel(
      "AGAIN: add.u32 %r1, %r1, 1;\n@%p1 bra AGAIN;\n@%p2 bra.uni DONE;\nexit;\nDONE:");
  const auto& body = kernel_of(module).body;
  EXPECT_EQ(std::get<LabelOperand>(body[1].operands[0].value).target, 0U);
  EXPECT_EQ(std::get<LabelOperand>(body[2].operands[0].value).target, 4U);
}

TEST(PtxParser, ReadsBranchTables) {
  const Module module =
      parse_kernel("TABLE: .branchtargets ONE, TWO;\nbrx.idx %r1, TABLE;\nONE: exit;\nTWO: trap;");
  EXPECT_EQ(kernel_of(module).branch_targets.at("TABLE"), (std::vector<std::uint32_t>{1, 2}));
}

TEST(PtxParser, ReadsCalls) {
  const Module module = parse_module(R"(
.func (.reg .b32 result) callee (.reg .b32 x, .reg .b32 y);
.func (.reg .b32 result) callee (.reg .b32 x, .reg .b32 y) { add.u32 result, x, y; ret; }
.func caller () {
  .reg .b32 %r<3>; .reg .b64 %rd1;
  call.uni (%r0), callee, (%r1, 7);
  proto: .callprototype (.param .b32 _) _ (.param .b32 _, .param .b32 _);
  { .param .b32 in0; .param .b32 in1; .param .b32 out;
    call (out), %rd1, (in0, in1), proto; }
  ret;
})");
  ASSERT_EQ(module.functions.size(), 2U);
  EXPECT_FALSE(module.functions[0].is_declaration);
  EXPECT_EQ(module.functions[0].registers.size(), 3U);
  const Function& caller = module.functions[1];
  ASSERT_EQ(caller.calls.size(), 2U);
  EXPECT_TRUE(caller.calls[0].uniform);
  EXPECT_EQ(std::get<SymbolOperand>(caller.calls[0].callee.value).name, "callee");
  EXPECT_EQ(std::get<IntegerLiteral>(caller.calls[0].arguments[1].value).value, 7);
  EXPECT_EQ(caller.calls[1].prototype, "proto");
  EXPECT_EQ(caller.prototypes.at("proto").parameters.size(), 2U);
}

TEST(PtxParser, LaysOutVariables) {
  const Module module = parse_module(R"(
.global .u32 plain = 5;
.global .v4 .f32 vector = {1.0, 2.0, 3.0, 0f40800000};
.global .s16 matrix[2][3] = {{1, 2, 3}, {-4}};
.global .f64 open[] = {1.5, 2};
.const .u8 bytes[4] = {0xff(plain), 0xff00(plain), 3, WARP_SZ};
.global .u64 address[2] = {generic(matrix) + 4, plain - 2};
.extern .shared .align 128 .b8 dynamic[];
.weak .global .attribute(.managed) .b64 managed;
)");
  const auto& variables = module.variables;
  EXPECT_EQ(variables[0].initial, (std::vector<std::uint8_t>{5, 0, 0, 0}));
  EXPECT_EQ(variables[1].alignment, 16U);
  EXPECT_EQ(variables[1].initial[15], 0x40);
  EXPECT_EQ(variables[2].size_bytes, 12U);
  EXPECT_EQ(variables[2].initial, (std::vector<std::uint8_t>{1, 0, 2, 0, 3, 0, 0xfc, 0xff}));
  EXPECT_EQ(variables[3].dimensions, (std::vector<std::uint64_t>{2}));
  EXPECT_EQ(variables[3].size_bytes, 16U);
  ASSERT_EQ(variables[4].relocations.size(), 2U);
  EXPECT_EQ(variables[4].relocations[1].shift_bits, 8U);
  EXPECT_EQ(variables[4].relocations[1].size_bytes, 1U);
  EXPECT_EQ(variables[4].initial, (std::vector<std::uint8_t>{0, 0, 3, 32}));
  EXPECT_TRUE(variables[5].relocations[0].generic);
  EXPECT_EQ(variables[5].relocations[0].addend, 4);
  EXPECT_FALSE(variables[5].relocations[1].generic);
  EXPECT_EQ(variables[5].relocations[1].addend, -2);
  EXPECT_EQ(variables[6].alignment, 128U);
  EXPECT_TRUE(variables[7].managed);
  EXPECT_EQ(variables[7].linkage, Linkage::weak);
}

TEST(PtxParser, ReadsDirectivesOfKernels) {
  const Module module = parse_module(
      ".entry kernel () .reqntid 32, 4 .maxnreg 64 .minnctapersm 3 .reqnctapercluster 2 "
      ".explicitcluster .maxclusterrank 8 .pragma \"nounroll\"; { ret; }");
  const Directives& directives = module.functions[0].directives;
  EXPECT_EQ(directives.required_threads, (std::array<std::uint32_t, 3>{32, 4, 1}));
  EXPECT_EQ(directives.max_registers, 64U);
  EXPECT_EQ(directives.min_blocks_per_sm, 3U);
  EXPECT_EQ(directives.required_cluster, (std::array<std::uint32_t, 3>{2, 1, 1}));
  EXPECT_TRUE(directives.explicit_cluster);
  EXPECT_EQ(directives.max_cluster_rank, 8U);
}

TEST(PtxParser, ReadsLocationsAndSkipsDwarf) {
  const Module module = parse_module(
      ".file 1 \"a.cu\"\n.file 2 \"b.cuh\", 123, 456\n"
      ".entry kernel () {\n.loc 2 17 3, function_name $info+4, inlined_at 1 9 1\nret;\n}\n"
      ".section .debug_str { $info: .b8 1, 2\n .b8 3 }\n");
  EXPECT_EQ(module.files.at(2), "b.cuh");
  const SourceLocation& where = module.functions[0].body[0].where;
  EXPECT_EQ(where.cuda_file, 2U);
  EXPECT_EQ(where.cuda_line, 17U);
  EXPECT_EQ(where.ptx_line, 8U);
}

TEST(PtxParser, ErrorsNameThePlaceAndTheProblem) {
  const std::pair<const char*, const char*> cases[] = {
      {"frob.u32 %r1;", "test.ptx:7:1: unknown instruction 'frob.u32'"},
      {"  add.q32 %r1, %r2, %r3;", "test.ptx:7:3: 'add' has no modifier '.q32'"},
      {"add.sat.u32 %r1, %r2, %r3;",
       "test.ptx:7:1: no form of 'add' has the modifiers of 'add.sat.u32'"},
      {"add.u32 %r1, %r2;", "test.ptx:7:1: 'add.u32': takes 3 operands, not 2"},
      {"add.u32 %r1, %r2, [%r3];",
       "test.ptx:7:1: 'add.u32': operand 3 has to be a register, a constant or a symbol"},
      {"add.u32 %r1, %r2, %x3;", "test.ptx:7:19: undeclared register '%x3'"},
      {"mov.u32 %r1, nothing;", "test.ptx:7:14: undeclared symbol 'nothing'"},
      {"bra NOWHERE;", "test.ptx:7:5: undeclared label 'NOWHERE'"},
      {"call nothing;", "test.ptx:7:6: undeclared function 'nothing'"},
      {"wgmma.fence.sync.aligned;",
       "test.ptx:7:1: 'wgmma.fence.sync.aligned' does not exist on sm_103a, it needs sm_90a"},
      {"mov.f32 %r1, 0f12;", "test.ptx:7:14: a number 0f takes exactly 8 hexadecimal digits"},
      {"A: ret; A: ret;", "test.ptx:7:9: label 'A' stands twice in one block"},
      {".reg .b32 %r<3>;", "test.ptx:7:11: '%r' is declared already in this block"},
      {"@%r1 ret;", "test.ptx:7:2: '%r1' is no predicate register"},
      {"mov.b64 %r1, 1/0;", "test.ptx:7:15: a constant is divided by zero"},
      {"ret", "test.ptx:8:1: expected ';', found '}'"},
      {"#", "test.ptx:7:1: unexpected character '#'"},
  };
  for (const auto& [body, message] : cases) {
    EXPECT_EQ(kernel_error(body), message) << body;
  }
}

TEST(PtxParser, RejectsBadModules) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "test.ptx:1:1: a PTX module begins with .version, found the end of the text"},
      {".version 9.1\n.target sm_80\n",
       "test.ptx:1:10: PTX version 9.1 is newer than 9.0, the newest this parser knows"},
      {".version 9.0\n.target gfx90\n", "test.ptx:2:9: unknown target 'gfx90'"},
      {kHeader + ".global .u32 a;\n.global .u32 a;\n", "test.ptx:5:14: 'a' is declared already"},
      {kHeader + ".global .u32 a[2] = {1, 2, 3};\n",
       "test.ptx:4:28: more initial values than 'a' has elements"},
      {kHeader + ".global .u64 a = generic(b);\n", "test.ptx:4:26: undeclared symbol 'b'"},
      {kHeader + ".shared .u32 a = 1;\n",
       "test.ptx:4:14: only .global and .const variables have initial values"},
      {kHeader + ".entry kernel() {\n", "test.ptx:5:1: the body of 'kernel' does not end"},
      {kHeader + "/* open", "test.ptx:4:1: a comment does not end"},
      {kHeader + ".frob 3;", "test.ptx:4:1: unknown directive '.frob' at module scope"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_EQ(error_of(text), message);
  }
}

TEST(PtxParser, BoundsHostileText) {
  const std::string deep(100000, '(');
  EXPECT_NE(kernel_error("mov.b64 %r1, " + deep).find("nested too deeply"), std::string::npos);
  const std::string minus(100000, '-');
  EXPECT_NE(kernel_error("mov.b64 %r1, " + minus).find("nested too deeply"), std::string::npos);
  const std::string blocks(100000, '{');
  EXPECT_NE(kernel_error(blocks).find("nested too deeply"), std::string::npos);
  EXPECT_NE(kernel_error(".reg .b32 %x<4294967295>;").find("at most 2^24"), std::string::npos);
  EXPECT_NE(error_of(kHeader + ".global .b8 a[1099511627777];").find("out of range"),
            std::string::npos);
}

}  // namespace
}  // namespace rackproof::emulator::ptx
