#pragma once
/// Names of one function: registers, register families (`%r<54>`), variables, by block.
/// Source: PTX ISA 9.0, sections 5.4.6 (parameterised names) and 7.1 (scopes of `{}` blocks).

#include "emulator/ptx/module.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace rackproof::emulator::ptx {

struct NamedRegister {
  RegisterIndex first = kNoRegister;
  std::uint32_t elements = 1;  ///< 2 or 4: a vector register, one index an element
};

/// Views must outlive the scope: they point into the text that is parsed.
class FunctionScope {
 public:
  void push();
  void pop();

  /// False if the innermost block declares the name already.
  bool declare_register(std::string_view name, NamedRegister reg);
  bool declare_family(std::string_view prefix, RegisterIndex first, std::uint32_t count);
  bool declare_variable(std::string_view name, std::string unique_name);

  /// nullptr if there is none; a pointer is valid until the next call.
  [[nodiscard]] const NamedRegister* find_register(std::string_view name);
  /// The name in Function::variables (or parameters); nullptr if there is none.
  [[nodiscard]] const std::string* find_variable(std::string_view name) const;

 private:
  enum class Kind : std::uint8_t { reg, family, variable };
  struct Entry {
    Kind kind = Kind::reg;
    std::uint32_t depth = 0;
    NamedRegister reg{};
    std::uint32_t count = 0;
    std::string unique_name{};
  };
  using Names = std::unordered_map<std::string_view, std::vector<Entry>>;

  bool declare(Names& names, std::string_view name, Entry entry);

  Names names_;
  Names families_;  ///< by prefix
  struct Declared {
    Names* names;
    std::string_view name;
  };
  std::vector<std::vector<Declared>> blocks_ = {{}};
  NamedRegister member_;
};

}  // namespace rackproof::emulator::ptx
