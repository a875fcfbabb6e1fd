// The decoder: every kernel of a module that parses is decoded or refused by name.
#include "emulator/exec/program.hpp"
#include "emulator/exec/program_impl.hpp"
#include "emulator/memory/address_space.hpp"
#include "emulator/ptx/parser.hpp"
#include "fuzz/require.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace exec = rackproof::emulator::exec;
  namespace ptx = rackproof::emulator::ptx;
  constexpr std::uint32_t kNewest = 103;
  std::shared_ptr<const ptx::Module> module;
  try {
    module = std::make_shared<ptx::Module>(
        ptx::parse(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz"));
  } catch (const ptx::ParseError&) {
    return 0;
  }
  rackproof::emulator::memory::AddressSpace addresses;
  try {
    const exec::Program program(module, nullptr, kNewest, 0, addresses);
    for (std::size_t i = 0; i < program.kernel_count(); ++i) {
      try {
        static_cast<void>(program.impl().decoded(i));
      } catch (const exec::UnsupportedInstruction& refusal) {
        rackproof::fuzz::require(!std::string_view(refusal.what()).empty(),
                                 "a refusal says what is refused");
      }
    }
  } catch (const exec::UnsupportedInstruction&) {
  }
  return 0;
}
