#pragma once
/// Resource notes of a cubin: an ELF file whose .nv.info section lists them. No code is looked at.

#include "emulator/fatbin/fatbin.hpp"

#include <cstddef>
#include <map>
#include <span>
#include <string>

namespace rackproof::emulator::fatbin {

/// Registers, stack and static shared memory of each kernel, by symbol. Throws FatbinError.
[[nodiscard]] std::map<std::string, KernelResources> read_cubin(std::span<const std::byte> elf);

}  // namespace rackproof::emulator::fatbin
