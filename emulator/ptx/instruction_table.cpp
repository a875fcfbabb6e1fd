#include "emulator/ptx/instruction_table.hpp"

#include <mutex>
#include <unordered_set>

namespace rackproof::emulator::ptx {
namespace {

std::string_view interned(std::string_view text) {
  static std::mutex mutex;
  static auto& names = *new std::unordered_set<std::string>;
  const std::scoped_lock lock(mutex);
  return *names.emplace(text).first;
}

}  // namespace

Mnemonic resolve_mnemonic(std::string_view text) {
  Mnemonic result;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find('.', begin), text.size());
    const std::string_view part = interned(text.substr(begin, end - begin));
    if (result.opcode.empty()) {
      result.opcode = part;
    } else {
      result.modifiers.push_back(part);
    }
    begin = end + 1;
  }
  return result;
}

}  // namespace rackproof::emulator::ptx
