#include "emulator/ptx/mnemonic_cache.hpp"

namespace rackproof::emulator::ptx {

const Mnemonic& MnemonicCache::find(std::string_view text) {
  const auto found = known_.find(text);
  if (found != known_.end()) {
    return found->second;
  }
  const std::string_view stored = storage_.emplace_back(text);
  return known_.emplace(stored, resolve_mnemonic(stored, target_)).first->second;
}

}  // namespace rackproof::emulator::ptx
