#include "emulator/ptx/linker.hpp"

#include "emulator/ptx/symbol_uses.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace rackproof::emulator::ptx {
namespace {

/// One appearance of a name at module scope.
struct Appearance {
  std::size_t input = 0;
  std::size_t index = 0;  ///< in Module::variables or Module::functions
  bool is_function = false;
};

/// How a definition fares against others of the same name; larger wins.
enum class Strength : std::uint8_t { reference, common, weak, strong };

bool is_dynamic_shared(const Variable& variable) {
  return variable.space == StateSpace::shared && variable.linkage == Linkage::external &&
         variable.size_bytes == 0;
}

Strength strength_of(Linkage linkage) {
  switch (linkage) {
    case Linkage::weak:
      return Strength::weak;
    case Linkage::common:
      return Strength::common;
    case Linkage::external:
      return Strength::reference;
    default:
      return Strength::strong;
  }
}

std::string quote(std::string_view name) {
  return "'" + std::string(name) + "'";
}

class Linker {
 public:
  explicit Linker(std::vector<LinkInput> inputs) : inputs_(std::move(inputs)) {}

  LinkedModule run() {
    collect_names();
    for (const auto& [name, appearances] : globals_) {
      choose(name, appearances);
    }
    rename_private_names();
    find_undefined();
    join();
    return std::move(result_);
  }

 private:
  const Function& function(const Appearance& at) const {
    return inputs_[at.input].module.functions[at.index];
  }
  const Variable& variable(const Appearance& at) const {
    return inputs_[at.input].module.variables[at.index];
  }
  const std::string& module_name(const Appearance& at) const { return inputs_[at.input].name; }
  [[noreturn]] void fail(std::string_view symbol, const std::string& problem, const Appearance& a,
                         const Appearance& b) const {
    throw LinkError("linking " + module_name(a) + " with " + module_name(b) + ": " + quote(symbol) +
                    " " + problem);
  }

  Strength strength(const Appearance& at) const {
    if (at.is_function && function(at).is_declaration) {
      return Strength::reference;
    }
    return strength_of(at.is_function ? function(at).linkage : variable(at).linkage);
  }

  void collect_names() {
    const auto add = [this](const std::string& name, Linkage linkage, const Appearance& at) {
      users_[name].insert(at.input);
      if (linkage != Linkage::internal) {
        globals_[name].push_back(at);
      }
    };
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const Module& module = inputs_[i].module;
      for (std::size_t k = 0; k < module.variables.size(); ++k) {
        add(module.variables[k].name, module.variables[k].linkage, {i, k, false});
      }
      for (std::size_t k = 0; k < module.functions.size(); ++k) {
        add(module.functions[k].name, module.functions[k].linkage, {i, k, true});
      }
    }
  }

  /// Of `appearances`, the one whose text the others refer to.
  void choose(const std::string& name, const std::vector<Appearance>& appearances) {
    const Appearance* best = nullptr;
    for (const Appearance& at : appearances) {
      if (best == nullptr || strength(at) > strength(*best) || is_larger(at, *best)) {
        best = &at;
      } else if (strength(at) == Strength::strong) {
        fail(name, "is defined in both", *best, at);
      }
    }
    for (const Appearance& at : appearances) {
      check_agreement(name, *best, at);
    }
    chosen_.insert({name, *best});
  }

  /// Of two .common variables the larger, of two dynamic shared arrays the one aligned more.
  bool is_larger(const Appearance& a, const Appearance& b) const {
    if (a.is_function || b.is_function || strength(a) != strength(b)) {
      return false;
    }
    const Variable& left = variable(a);
    const Variable& right = variable(b);
    return (strength(a) == Strength::common && left.size_bytes > right.size_bytes) ||
           (is_dynamic_shared(left) && is_dynamic_shared(right) &&
            left.alignment > right.alignment);
  }

  void check_agreement(const std::string& name, const Appearance& definition,
                       const Appearance& use) const {
    if (definition.is_function != use.is_function) {
      fail(name, "is a function in one and a variable in the other", definition, use);
    }
    if (definition.is_function) {
      const auto bytes = [](const std::vector<Variable>& list) {
        std::vector<std::uint64_t> sizes;
        std::transform(list.begin(), list.end(), std::back_inserter(sizes),
                       [](const Variable& parameter) { return parameter.size_bytes; });
        return sizes;
      };
      const Function& a = function(definition);
      const Function& b = function(use);
      if (a.is_kernel != b.is_kernel) {
        fail(name, "is a kernel in one only", definition, use);
      }
      if (bytes(a.parameters) != bytes(b.parameters) || bytes(a.returns) != bytes(b.returns)) {
        fail(name, "has parameters of different sizes", definition, use);
      }
      return;
    }
    const Variable& a = variable(definition);
    const Variable& b = variable(use);
    if (a.space != b.space) {
      fail(name, "is in different state spaces", definition, use);
    }
    const bool may_differ = strength(definition) == Strength::common || b.size_bytes == 0;
    if (a.size_bytes != b.size_bytes && !may_differ) {
      fail(
          name,
          "has " + std::to_string(a.size_bytes) + " and " + std::to_string(b.size_bytes) + " bytes",
          definition, use);
    }
  }

  void rename_private_names() {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      Module& module = inputs_[i].module;
      std::map<std::string, std::string, std::less<>> renamed;
      const auto rename = [&](std::string& name, Linkage linkage) {
        if (linkage != Linkage::internal || users_.at(name).size() < 2) {
          return;
        }
        std::string unique = name;
        for (std::size_t n = i; users_.contains(unique); ++n) {
          unique = name + "$" + std::to_string(n);
        }
        users_[unique].insert(i);
        renamed[name] = unique;
        name = std::move(unique);
      };
      for (Variable& item : module.variables) {
        rename(item.name, item.linkage);
      }
      for (Function& item : module.functions) {
        rename(item.name, item.linkage);
      }
      if (renamed.empty()) {
        continue;
      }
      for_each_symbol(module, [&](std::string& symbol) {
        if (const auto found = renamed.find(symbol); found != renamed.end()) {
          symbol = found->second;
        }
      });
    }
  }

  void find_undefined() {
    std::set<std::string, std::less<>> missing;
    for (const auto& [name, at] : chosen_) {
      if (strength(at) == Strength::reference &&
          (at.is_function || !is_dynamic_shared(variable(at)))) {
        missing.insert(name);
      }
    }
    for (LinkInput& input : inputs_) {
      if (missing.empty()) {
        return;
      }
      for_each_symbol(input.module, [&](const std::string& symbol) {
        if (const auto found = missing.find(symbol); found != missing.end()) {
          result_.undefined.push_back({symbol, input.name});
          missing.erase(found);
        }
      });
    }
  }

  bool is_chosen(const std::string& name, const Appearance& at) const {
    const auto found = chosen_.find(name);
    return found == chosen_.end() ||
           (found->second.input == at.input && found->second.index == at.index);
  }

  void join() {
    Module& out = result_.module;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      Module& module = inputs_[i].module;
      if (i == 0) {
        out.version_major = module.version_major;
        out.version_minor = module.version_minor;
        out.target = module.target;
        out.address_bits = module.address_bits;
      }
      const auto first_file = static_cast<std::uint32_t>(out.files.size());
      const auto relocate = [&](SourceLocation& where) {
        where.cuda_file += where.cuda_file == 0 ? 0 : first_file;
      };
      std::move(module.files.begin(), module.files.end(), std::back_inserter(out.files));
      for (std::size_t k = 0; k < module.variables.size(); ++k) {
        Variable& item = module.variables[k];
        relocate(item.where);
        if (item.linkage == Linkage::internal || is_chosen(item.name, {i, k, false})) {
          out.variables.push_back(std::move(item));
        }
      }
      for (std::size_t k = 0; k < module.functions.size(); ++k) {
        Function& item = module.functions[k];
        if (item.linkage != Linkage::internal && !is_chosen(item.name, {i, k, true})) {
          continue;
        }
        relocate(item.where);
        for (Instruction& instruction : item.body) {
          relocate(instruction.where);
        }
        item.module_name = inputs_[i].name;
        out.functions.push_back(std::move(item));
      }
    }
  }

  std::vector<LinkInput> inputs_;
  std::map<std::string, std::set<std::size_t>, std::less<>> users_;  ///< inputs, by name
  std::map<std::string, std::vector<Appearance>, std::less<>> globals_;
  std::map<std::string, Appearance, std::less<>> chosen_;
  LinkedModule result_;
};

}  // namespace

LinkedModule link(std::vector<LinkInput> inputs) {
  return Linker(std::move(inputs)).run();
}

}  // namespace rackproof::emulator::ptx
