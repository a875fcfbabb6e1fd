/// Linking of separately compiled modules: which definition wins, what stays private, what is
/// refused.

#include "emulator/ptx/linker.hpp"

#include "emulator/ptx/parser.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace rackproof::emulator::ptx {
namespace {

LinkedModule link_texts(const std::vector<std::string>& texts) {
  std::vector<LinkInput> inputs;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    inputs.push_back(
        {name, parse(".version 9.0\n.target sm_80\n.address_size 64\n" + texts[i], name + ".ptx")});
  }
  return link(std::move(inputs));
}

std::string error_of(const std::vector<std::string>& texts) {
  try {
    (void)link_texts(texts);
  } catch (const LinkError& error) {
    return error.what();
  }
  return "";
}

const Variable* variable(const Module& module, const std::string& name) {
  const auto found = std::find_if(module.variables.begin(), module.variables.end(),
                                  [&](const Variable& item) { return item.name == name; });
  return found == module.variables.end() ? nullptr : &*found;
}

const Function* function(const Module& module, const std::string& name) {
  const auto found = std::find_if(module.functions.begin(), module.functions.end(),
                                  [&](const Function& item) { return item.name == name; });
  return found == module.functions.end() ? nullptr : &*found;
}

/// The symbol that instruction `index` of a function moves.
std::string moved(const Module& module, const std::string& name, std::size_t index = 0) {
  return std::get<SymbolOperand>(function(module, name)->body.at(index).operands.at(1).value).name;
}

std::string callee(const Module& module, const std::string& name) {
  return std::get<SymbolOperand>(function(module, name)->calls.at(0).callee.value).name;
}

TEST(Linker, ExternTakesTheDefinition) {
  const LinkedModule linked = link_texts({
      ".extern .func f(.param .b32 x);\n.extern .global .u32 g[];\n"
      ".visible .entry k() { .reg .b64 %rd<2>; mov.u64 %rd1, g; ret; }\n",
      ".visible .func f(.param .b32 x) { ret; }\n.visible .global .u32 g[2] = {5, 6};\n",
  });
  EXPECT_FALSE(function(linked.module, "f")->is_declaration);
  EXPECT_EQ(function(linked.module, "f")->module_name, "b");
  EXPECT_EQ(variable(linked.module, "g")->size_bytes, 8U);
  EXPECT_EQ(linked.module.variables.size(), 1U);
  EXPECT_EQ(linked.module.functions.size(), 2U);
  EXPECT_TRUE(linked.undefined.empty());
}

TEST(Linker, VisibleBeatsWeakBeatsCommon) {
  const auto value = [](const std::vector<std::string>& texts) {
    return int{variable(link_texts(texts).module, "v")->initial.at(0)};
  };
  const std::string common = ".common .global .u32 v;\n";
  const std::string weak = ".weak .global .u32 v = 1;\n";
  const std::string other_weak = ".weak .global .u32 v = 2;\n";
  const std::string visible = ".visible .global .u32 v = 3;\n";
  EXPECT_EQ(value({common, weak, other_weak}), 1) << "the first of the weak ones";
  EXPECT_EQ(value({weak, visible, other_weak}), 3);
  EXPECT_EQ(value({visible, weak, common}), 3);
  const LinkedModule largest =
      link_texts({common, ".common .global .u32 v[4];\n", ".common .global .u32 v[2];\n"});
  EXPECT_EQ(variable(largest.module, "v")->size_bytes, 16U);
}

TEST(Linker, PrivateNamesOfTwoModulesAreKeptApart) {
  const auto text = [](const std::string& value, const std::string& kernel) {
    return ".global .u32 count = " + value +
           ";\n.global .u64 table[1] = {f};\n.func f() { .reg .b64 %rd<2>; mov.u64 %rd1, count; "
           "ret; }\n.visible .entry " +
           kernel + "() { .reg .b64 %rd<2>; mov.u64 %rd1, table; call f; ret; }\n";
  };
  // The parser wants names declared before use.
  const auto ordered = [&](const std::string& value, const std::string& kernel) {
    return ".func f();\n" + text(value, kernel);
  };
  const Module module = link_texts({ordered("1", "k1"), ordered("2", "k2")}).module;
  EXPECT_EQ(module.variables.size(), 4U);
  EXPECT_EQ(module.functions.size(), 4U);
  const std::string f1 = callee(module, "k1");
  const std::string f2 = callee(module, "k2");
  EXPECT_NE(f1, f2);
  EXPECT_EQ(variable(module, moved(module, f1))->initial.at(0), 1);
  EXPECT_EQ(variable(module, moved(module, f2))->initial.at(0), 2);
  EXPECT_EQ(variable(module, moved(module, "k1"))->relocations.at(0).symbol, f1);
  EXPECT_EQ(variable(module, moved(module, "k2"))->relocations.at(0).symbol, f2);
}

TEST(Linker, NamesInsideFunctionsAreNoModuleNames) {
  // Both modules have a private "x"; the function's own "x" hides the module's.
  const std::string text = ".global .u32 x;\n";
  const Module module =
      link_texts({text + ".visible .func f() { .local .u32 x; .reg .b64 %rd<2>; mov.u64 %rd1, x; "
                         "ret; }\n",
                  text + ".visible .func g() { .reg .b64 %rd<2>; mov.u64 %rd1, x; ret; }\n"})
          .module;
  EXPECT_EQ(moved(module, "f"), "x");
  EXPECT_NE(moved(module, "g"), "x");
  EXPECT_NE(variable(module, moved(module, "g")), nullptr);
}

TEST(Linker, APrivateNameDoesNotMeetAnothersGlobalOne) {
  const Module module =
      link_texts({".global .u32 v = 1;\n.visible .func f() { .reg .b64 %rd<2>; mov.u64 %rd1, v; "
                  "ret; }\n",
                  ".visible .global .u32 v = 2;\n"})
          .module;
  EXPECT_EQ(variable(module, "v")->initial.at(0), 2);
  EXPECT_EQ(variable(module, moved(module, "f"))->initial.at(0), 1);
}

TEST(Linker, DynamicSharedMemoryIsOneArrayAlignedForAll) {
  const LinkedModule linked =
      link_texts({".extern .shared .align 4 .b8 buffer[];\n.visible .func f() { .reg .b64 %rd<2>; "
                  "mov.u64 %rd1, buffer; ret; }\n",
                  ".extern .shared .align 32 .b8 buffer[];\n"});
  EXPECT_EQ(linked.module.variables.size(), 1U);
  EXPECT_EQ(variable(linked.module, "buffer")->alignment, 32U);
  EXPECT_TRUE(linked.undefined.empty());
}

TEST(Linker, FilesOfLineInformationAreRenumbered) {
  const auto text = [](const std::string& file, const std::string& name) {
    return ".visible .func " + name + "() {\n.loc 1 7 0\nret;\n}\n.file 1 \"" + file + "\"\n";
  };
  const Module module = link_texts({text("one.cu", "f"), text("two.cu", "g")}).module;
  const auto file_of = [&](const char* name) {
    return module.files.at(function(module, name)->body.at(0).where.cuda_file);
  };
  EXPECT_EQ(file_of("f"), "one.cu");
  EXPECT_EQ(file_of("g"), "two.cu");
}

TEST(Linker, WhatNobodyDefinesIsNamedWithItsFirstUser) {
  const LinkedModule linked =
      link_texts({".extern .func unused();\n.extern .func missing();\n",
                  ".extern .func missing();\n.visible .func f() { call missing; ret; }\n",
                  ".extern .func missing();\n.visible .func g() { call missing; ret; }\n"});
  ASSERT_EQ(linked.undefined.size(), 1U);
  EXPECT_EQ(linked.undefined[0].symbol, "missing");
  EXPECT_EQ(linked.undefined[0].module, "b");
}

TEST(Linker, ErrorsNameTheSymbolAndBothModules) {
  const std::string f = ".visible .func f(.param .b32 x) { ret; }\n";
  EXPECT_EQ(error_of({f, "", f}), "linking a with c: 'f' is defined in both");
  EXPECT_EQ(error_of({f, ".extern .func f(.param .b64 x);\n"}),
            "linking a with b: 'f' has parameters of different sizes");
  EXPECT_EQ(error_of({f, ".extern .global .u32 f;\n"}),
            "linking a with b: 'f' is a function in one and a variable in the other");
  EXPECT_EQ(error_of({".visible .global .u32 v;\n", ".extern .const .u32 v;\n"}),
            "linking a with b: 'v' is in different state spaces");
  EXPECT_EQ(error_of({".visible .global .u32 v;\n", ".extern .global .u64 v;\n"}),
            "linking a with b: 'v' has 4 and 8 bytes");
}

}  // namespace
}  // namespace rackproof::emulator::ptx
