#include "emulator/ptx/function_parser.hpp"
#include "emulator/ptx/module_parser.hpp"

#include <array>
#include <utility>

namespace rackproof::emulator::ptx {

void ModuleParser::parse_parameters(std::vector<Variable>& parameters) {
  lexer_.expect('(');
  if (lexer_.accept(')')) {
    return;
  }
  do {
    parameters.push_back(variables_.parse_parameter(true, where_).variable);
  } while (lexer_.accept(','));
  lexer_.expect(')');
}

void ModuleParser::parse_function(bool is_kernel, Linkage linkage) {
  Function function;
  function.is_kernel = is_kernel;
  function.linkage = linkage;
  function.where = where_;
  while (lexer_.at_dotted("attribute")) {  // .attribute(.unified(a, b))
    lexer_.take();
    FunctionParser::skip_parentheses(lexer_);
  }
  if (lexer_.at('(')) {
    if (is_kernel) {
      lexer_.fail("a kernel returns nothing");
    }
    parse_parameters(function.returns);
  }
  const Token name = lexer_.peek();
  function.name = lexer_.expect_identifier("the name of a function");
  if (lexer_.at('(')) {
    parse_parameters(function.parameters);
  }
  parse_function_directives(function);
  if (lexer_.accept(';')) {
    function.is_declaration = true;
    declare_function(std::move(function), name);
    return;
  }
  if (!lexer_.at('{')) {
    lexer_.fail("expected the body of " + quoted(function.name) + ", found " +
                describe(lexer_.peek()));
  }
  // Declared before its body, which may call it.
  Function declaration = function;
  declaration.is_declaration = true;
  declare_function(std::move(declaration), name);
  FunctionParser(lexer_, module_, symbols_, mnemonics_, function).parse_body();
  module_.functions[symbols_.at(name.text).index] = std::move(function);
}

void ModuleParser::declare_function(Function function, const Token& name) {
  const auto [entry, is_new] = symbols_.try_emplace(
      name.text, ModuleSymbol{ModuleSymbol::Kind::function, module_.functions.size()});
  if (is_new) {
    module_.functions.push_back(std::move(function));
    return;
  }
  const bool is_function = entry->second.kind == ModuleSymbol::Kind::function;
  if (!is_function || !module_.functions[entry->second.index].is_declaration) {
    lexer_.fail_at(name, quoted(name.text) + " is defined already");
  }
  if (module_.functions[entry->second.index].parameters.size() != function.parameters.size() ||
      module_.functions[entry->second.index].returns.size() != function.returns.size()) {
    lexer_.fail_at(name, quoted(name.text) + " was declared with other parameters");
  }
}

void ModuleParser::parse_extents(std::array<std::uint32_t, 3>& extents) {
  extents = {1, 1, 1};
  for (std::size_t i = 0; i < extents.size(); ++i) {
    extents[i] = lexer_.expect_u32("a number of threads or CTAs");
    if (!lexer_.accept(',')) {
      return;
    }
  }
  lexer_.fail("at most three extents");
}

void ModuleParser::parse_function_directives(Function& function) {
  while (lexer_.peek().kind == TokenKind::dotted) {
    const Token token = lexer_.peek();
    if (!parse_function_directive(function)) {
      lexer_.fail_at(token, "unknown directive " + describe(token) + " of a function");
    }
  }
}

bool ModuleParser::parse_function_directive(Function& function) {
  Directives& directives = function.directives;
  const std::string_view word = lexer_.take().text;
  if (word == "maxntid") {
    parse_extents(directives.max_threads);
  } else if (word == "reqntid") {
    parse_extents(directives.required_threads);
  } else if (word == "reqnctapercluster") {
    parse_extents(directives.required_cluster);
  } else if (word == "minnctapersm") {
    directives.min_blocks_per_sm = lexer_.expect_u32("a number of CTAs");
  } else if (word == "maxnctapersm") {
    (void)lexer_.expect_u32("a number of CTAs");
  } else if (word == "maxnreg") {
    directives.max_registers = lexer_.expect_u32("a number of registers");
  } else if (word == "maxclusterrank") {
    directives.max_cluster_rank = lexer_.expect_u32("a number of CTAs");
  } else if (word == "explicitcluster") {
    directives.explicit_cluster = true;
  } else if (word == "blocksareclusters") {
    directives.blocks_are_clusters = true;
  } else if (word == "noreturn") {
    directives.noreturn = true;
  } else if (word == "abi_preserve" || word == "abi_preserve_control") {
    (void)lexer_.expect_u32("a number of registers");
  } else if (word == "pragma") {
    FunctionParser::parse_pragma(lexer_);
  } else {
    return false;
  }
  return true;
}

}  // namespace rackproof::emulator::ptx
