#pragma once
/// Mnemonics of one module, each split and validated once.

#include "emulator/ptx/instruction_table.hpp"

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

namespace rackproof::emulator::ptx {

class MnemonicCache {
 public:
  /// The .target of the module; before the first find().
  void set_target(std::string_view target) { target_ = target; }

  /// `text` is "ld.global.v4.u32". On a problem the result's `problem` says which.
  [[nodiscard]] const Mnemonic& find(std::string_view text);

 private:
  std::unordered_map<std::string_view, Mnemonic> known_;
  std::deque<std::string> storage_;
  std::string target_;
};

}  // namespace rackproof::emulator::ptx
