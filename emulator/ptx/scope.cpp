#include "emulator/ptx/scope.hpp"

#include <utility>

namespace rackproof::emulator::ptx {

void FunctionScope::push() {
  blocks_.emplace_back();
}

void FunctionScope::pop() {
  for (const Declared& declared : blocks_.back()) {
    const auto found = declared.names->find(declared.name);
    found->second.pop_back();
    if (found->second.empty()) {
      declared.names->erase(found);
    }
  }
  blocks_.pop_back();
}

bool FunctionScope::declare(Names& names, std::string_view name, Entry entry) {
  const auto depth = static_cast<std::uint32_t>(blocks_.size());
  std::vector<Entry>& entries = names[name];
  if (!entries.empty() && entries.back().depth == depth) {
    return false;
  }
  entry.depth = depth;
  entries.push_back(std::move(entry));
  blocks_.back().push_back({&names, name});
  return true;
}

bool FunctionScope::declare_register(std::string_view name, NamedRegister reg) {
  return declare(names_, name, {.kind = Kind::reg, .reg = reg});
}

bool FunctionScope::declare_family(std::string_view prefix, RegisterIndex first,
                                   std::uint32_t count) {
  return declare(families_, prefix,
                 {.kind = Kind::family, .reg = {.first = first}, .count = count});
}

bool FunctionScope::declare_variable(std::string_view name, std::string unique_name) {
  return declare(names_, name, {.kind = Kind::variable, .unique_name = std::move(unique_name)});
}

const NamedRegister* FunctionScope::find_register(std::string_view name) {
  std::uint32_t family_depth = 0;
  std::size_t digits = name.size();
  while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9') {
    --digits;
  }
  // A prefix may end in digits itself: `%r1<5>` declares %r10 to %r14.
  for (std::size_t split = digits; split < name.size() && family_depth == 0; ++split) {
    const std::string_view number = name.substr(split);
    const auto family = families_.find(name.substr(0, split));
    if (family == families_.end() || number.size() > 9 || (number.size() > 1 && number[0] == '0')) {
      continue;
    }
    std::uint32_t index = 0;
    for (const char digit : number) {
      index = index * 10 + static_cast<std::uint32_t>(digit - '0');
    }
    const Entry& entry = family->second.back();
    if (index < entry.count) {
      member_ = {.first = entry.reg.first + index};
      family_depth = entry.depth;
    }
  }
  const auto found = names_.find(name);
  if (found != names_.end() && found->second.back().depth > family_depth) {
    const Entry& entry = found->second.back();
    return entry.kind == Kind::reg ? &entry.reg : nullptr;
  }
  return family_depth != 0 ? &member_ : nullptr;
}

const std::string* FunctionScope::find_variable(std::string_view name) const {
  const auto found = names_.find(name);
  if (found == names_.end() || found->second.back().kind != Kind::variable) {
    return nullptr;
  }
  return &found->second.back().unique_name;
}

}  // namespace rackproof::emulator::ptx
