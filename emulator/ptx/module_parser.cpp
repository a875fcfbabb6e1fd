#include "emulator/ptx/module_parser.hpp"

#include "emulator/ptx/function_parser.hpp"
#include "emulator/ptx/parser.hpp"

#include <utility>

namespace rackproof::emulator::ptx {
namespace {

constexpr std::uint32_t kNewestMajor = 9;
constexpr std::uint32_t kNewestMinor = 0;

bool is_known_target(std::string_view target) {
  if (!target.starts_with("sm_")) {
    return false;
  }
  target.remove_prefix(3);
  std::size_t digits = 0;
  while (digits < target.size() && target[digits] >= '0' && target[digits] <= '9') {
    ++digits;
  }
  const std::string_view suffix = target.substr(digits);
  return digits >= 2 && digits <= 3 && (suffix.empty() || suffix == "a" || suffix == "f");
}

}  // namespace

ParseError::ParseError(std::string_view name, std::uint32_t line, std::uint32_t column,
                       const std::string& problem)
    : std::runtime_error(std::string(name) + ":" + std::to_string(line) + ":" +
                         std::to_string(column) + ": " + problem),
      line_(line) {}

Module parse(std::string_view text, std::string_view name) {
  return ModuleParser(text, name).parse();
}

ModuleParser::ModuleParser(std::string_view text, std::string_view name) : lexer_(text, name) {}

Module ModuleParser::parse() {
  parse_header();
  while (lexer_.peek().kind != TokenKind::end) {
    parse_statement();
  }
  return std::move(module_);
}

void ModuleParser::parse_header() {
  if (!lexer_.at_dotted("version")) {
    lexer_.fail("a PTX module begins with .version, found " + describe(lexer_.peek()));
  }
  lexer_.take();
  parse_version();
  if (!lexer_.accept_dotted("target")) {
    lexer_.fail(".version is followed by .target, found " + describe(lexer_.peek()));
  }
  parse_target();
  mnemonics_.set_target(module_.target);
  if (lexer_.accept_dotted("address_size")) {
    const Token token = lexer_.peek();
    module_.address_bits = lexer_.expect_u32("32 or 64");
    if (module_.address_bits != 64) {
      lexer_.fail_at(token, "only .address_size 64 exists on the targets of PTX 9.0");
    }
  }
}

void ModuleParser::parse_version() {
  const Token token = lexer_.peek();
  if (token.kind != TokenKind::real) {
    lexer_.fail("expected a version such as 9.0, found " + describe(token));
  }
  // The digits count, not the value: 8.10 is not 8.1.
  const std::size_t point = token.text.find('.');
  const auto number = [&](std::string_view digits) {
    std::uint32_t value = 0;
    for (const char digit : digits) {
      if (digit < '0' || digit > '9' || value > 1000) {
        lexer_.fail_at(token, "malformed version " + describe(token));
      }
      value = value * 10 + static_cast<std::uint32_t>(digit - '0');
    }
    return value;
  };
  if (point == std::string_view::npos) {
    lexer_.fail_at(token, "malformed version " + describe(token));
  }
  module_.version_major = number(token.text.substr(0, point));
  module_.version_minor = number(token.text.substr(point + 1));
  lexer_.take();
  if (std::pair(module_.version_major, module_.version_minor) >
      std::pair(kNewestMajor, kNewestMinor)) {
    lexer_.fail_at(token, "PTX version " + std::string(token.text) +
                              " is newer than 9.0, the newest this parser knows");
  }
}

void ModuleParser::parse_target() {
  do {
    const Token token = lexer_.peek();
    const std::string_view word = lexer_.expect_identifier("a target such as sm_80");
    if (is_known_target(word) && module_.target.empty()) {
      module_.target = word;
    } else if (word != "debug" && word != "texmode_unified" && word != "texmode_independent" &&
               word != "map_f64_to_f32") {
      lexer_.fail_at(token, "unknown target " + describe(token));
    }
  } while (lexer_.accept(','));
  if (module_.target.empty()) {
    lexer_.fail(".target names no architecture");
  }
}

void ModuleParser::parse_statement() {
  where_.ptx_line = lexer_.peek().line;
  if (lexer_.accept(';')) {
    return;
  }
  const Token first = lexer_.peek();
  if (first.kind != TokenKind::dotted) {
    lexer_.fail("expected a directive, found " + describe(first));
  }
  lexer_.take();
  Linkage linkage = Linkage::internal;
  Token directive = first;
  const auto is_linkage = [](std::string_view word) {
    return word == "extern" || word == "visible" || word == "weak" || word == "common";
  };
  if (is_linkage(first.text)) {
    linkage = first.text == "extern"    ? Linkage::external
              : first.text == "visible" ? Linkage::visible
              : first.text == "weak"    ? Linkage::weak
                                        : Linkage::common;
    directive = lexer_.peek();
    (void)lexer_.expect_dotted("a variable or a function");
  }
  const std::string_view word = directive.text;
  if (word == "entry" || word == "func") {
    parse_function(word == "entry", linkage);
  } else if (const auto space = state_space(word);
             space && *space != StateSpace::reg && *space != StateSpace::param) {
    parse_variables(*space, linkage);
  } else if (linkage != Linkage::internal) {
    lexer_.fail_at(directive, "unexpected " + describe(directive) + " after " + describe(first));
  } else if (word == "file") {
    parse_file();
  } else if (word == "loc") {
    FunctionParser::parse_loc(lexer_, where_);
  } else if (word == "section") {
    parse_section();
  } else if (word == "pragma") {
    FunctionParser::parse_pragma(lexer_);
  } else if (word == "alias") {
    parse_alias();
  } else {
    lexer_.fail_at(first, "unknown directive " + describe(first) + " at module scope");
  }
}

void ModuleParser::parse_file() {
  const Token token = lexer_.peek();
  const std::uint32_t index = lexer_.expect_u32("the index of a file");
  constexpr std::uint32_t kMaximumFiles = 1U << 20;
  if (index > kMaximumFiles) {
    lexer_.fail_at(token, "the index of a file is out of range");
  }
  if (lexer_.peek().kind != TokenKind::string) {
    lexer_.fail("expected the name of a file, found " + describe(lexer_.peek()));
  }
  if (module_.files.size() <= index) {
    module_.files.resize(index + 1);
  }
  module_.files[index] = lexer_.take().text;
  if (lexer_.accept(',')) {  // time of last change and size
    (void)lexer_.expect_integer("a time stamp");
    lexer_.expect(',');
    (void)lexer_.expect_integer("the size of a file");
  }
}

void ModuleParser::parse_section() {
  // DWARF (-lineinfo, -G): of no effect on execution.
  if (lexer_.peek().kind == TokenKind::dotted || lexer_.peek().kind == TokenKind::identifier) {
    lexer_.take();
  }
  if (!lexer_.at('{')) {
    lexer_.fail("expected '{', found " + describe(lexer_.peek()));
  }
  lexer_.skip_braces();
}

void ModuleParser::parse_alias() {
  const Token alias = lexer_.peek();
  const std::string_view name = lexer_.expect_identifier("the name of a function");
  lexer_.expect(',');
  const Token target = lexer_.peek();
  const std::string_view target_name = lexer_.expect_identifier("the name of a function");
  lexer_.expect(';');
  const auto function_of = [&](std::string_view function, const Token& where) -> Function& {
    const auto found = symbols_.find(function);
    if (found == symbols_.end() || found->second.kind != ModuleSymbol::Kind::function) {
      lexer_.fail_at(where, "undeclared function " + quoted(function));
    }
    return module_.functions[found->second.index];
  };
  Function& aliased = function_of(name, alias);
  if (!aliased.is_declaration) {
    lexer_.fail_at(alias, quoted(name) + " has a body already");
  }
  Function copy = function_of(target_name, target);
  if (copy.is_declaration || copy.is_kernel) {
    lexer_.fail_at(target, quoted(target_name) + " is no function with a body");
  }
  copy.name = aliased.name;
  copy.linkage = aliased.linkage;
  aliased = std::move(copy);
}

void ModuleParser::parse_variables(StateSpace space, Linkage linkage) {
  for (DeclaredVariable& declared : variables_.parse_declaration(space, linkage, where_)) {
    declare_variable(std::move(declared));
  }
}

void ModuleParser::declare_variable(DeclaredVariable declared) {
  const auto [entry, is_new] = symbols_.try_emplace(
      declared.name.text, ModuleSymbol{ModuleSymbol::Kind::variable, module_.variables.size()});
  if (is_new) {
    module_.variables.push_back(std::move(declared.variable));
    return;
  }
  // An .extern declaration may be followed by the definition, or repeat it.
  if (entry->second.kind == ModuleSymbol::Kind::variable) {
    Variable& known = module_.variables[entry->second.index];
    if (known.linkage == Linkage::external && known.space == declared.variable.space) {
      known = std::move(declared.variable);
      return;
    }
    if (declared.variable.linkage == Linkage::external && known.space == declared.variable.space) {
      return;
    }
  }
  lexer_.fail_at(declared.name, quoted(declared.name.text) + " is declared already");
}

}  // namespace rackproof::emulator::ptx
