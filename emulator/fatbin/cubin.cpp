#include "emulator/fatbin/cubin.hpp"

#include "emulator/fatbin/byte_reader.hpp"

#include <algorithm>
#include <cstdint>
#include <elf.h>
#include <string_view>
#include <vector>

namespace rackproof::emulator::fatbin {
namespace {

constexpr std::uint16_t kMachineCuda = 190;    // EM_CUDA
constexpr std::uint8_t kEntryPoint = 0x10;     // st_other of a kernel
constexpr std::uint8_t kFormatSized = 4;       // a .nv.info item followed by its size and bytes
constexpr std::uint8_t kFrameSize = 0x11;      // symbol, bytes
constexpr std::uint8_t kMinimumStack = 0x12;   // symbol, bytes with callees
constexpr std::uint8_t kRegisterCount = 0x2f;  // symbol, registers
constexpr std::string_view kSharedPrefix = ".nv.shared.";
// The system's share of shared memory, counted into every .nv.shared section from sm_90 on.
constexpr std::string_view kReservedShared = ".nv.reservedSmem.cap";

class Cubin {
 public:
  explicit Cubin(std::span<const std::byte> bytes) : elf_(bytes, "cubin") {
    const auto header = elf_.read<Elf64_Ehdr>(0);
    if (!std::equal(header.e_ident, header.e_ident + SELFMAG, ELFMAG) ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != kMachineCuda) {
      throw FatbinError("cubin: no 64-bit ELF file for CUDA");
    }
    for (std::uint16_t i = 0; i < header.e_shnum; ++i) {
      sections_.push_back(
          elf_.read<Elf64_Shdr>(header.e_shoff + std::uint64_t{i} * sizeof(Elf64_Shdr)));
    }
    if (header.e_shstrndx >= sections_.size()) {
      throw FatbinError("cubin: no section holds the names of sections");
    }
    section_names_ = sections_[header.e_shstrndx].sh_offset;
  }

  std::map<std::string, KernelResources> resources() {
    read_symbols();
    for (const Elf64_Shdr& section : sections_) {
      if (name_of(section) == ".nv.info") {
        read_notes(section);
      }
    }
    for (const Elf64_Shdr& section : sections_) {
      const std::string_view name = name_of(section);
      if (!name.starts_with(kSharedPrefix)) {
        continue;
      }
      const auto kernel = kernels_.find(std::string(name.substr(kSharedPrefix.size())));
      if (kernel != kernels_.end()) {
        kernel->second.static_shared_bytes =
            static_cast<std::uint32_t>(section.sh_size - std::min(reserved_, section.sh_size));
      }
    }
    return std::move(kernels_);
  }

 private:
  [[nodiscard]] std::string_view name_of(const Elf64_Shdr& section) const {
    return elf_.string(section_names_ + section.sh_name);
  }

  void read_symbols() {
    const auto table = std::find_if(sections_.begin(), sections_.end(), [](const auto& section) {
      return section.sh_type == SHT_SYMTAB;
    });
    if (table == sections_.end()) {
      return;
    }
    if (table->sh_link >= sections_.size()) {
      throw FatbinError("cubin: the symbol table names no string table");
    }
    const std::uint64_t strings = sections_[table->sh_link].sh_offset;
    (void)elf_.slice(table->sh_offset, table->sh_size);
    const std::uint64_t count = table->sh_size / sizeof(Elf64_Sym);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto symbol = elf_.read<Elf64_Sym>(table->sh_offset + i * sizeof(Elf64_Sym));
      const std::string_view name = elf_.string(strings + symbol.st_name);
      const bool is_kernel =
          ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && (symbol.st_other & kEntryPoint) != 0;
      symbols_.push_back(is_kernel ? std::string(name) : std::string());
      if (is_kernel) {
        kernels_[std::string(name)];
      } else if (name == kReservedShared) {
        reserved_ = symbol.st_value;
      }
    }
  }

  void read_notes(const Elf64_Shdr& section) {
    const std::uint64_t end = section.sh_offset + section.sh_size;
    (void)elf_.slice(section.sh_offset, section.sh_size);
    std::uint64_t offset = section.sh_offset;
    while (offset + 4 <= end) {
      const auto format = elf_.read<std::uint8_t>(offset);
      const auto attribute = elf_.read<std::uint8_t>(offset + 1);
      const auto size = elf_.read<std::uint16_t>(offset + 2);
      offset += 4;
      if (format != kFormatSized) {
        continue;
      }
      if (size == 8) {
        note(attribute, elf_.read<std::uint32_t>(offset), elf_.read<std::uint32_t>(offset + 4));
      }
      offset += size;
    }
  }

  void note(std::uint8_t attribute, std::uint32_t symbol, std::uint32_t value) {
    if (symbol >= symbols_.size() || symbols_[symbol].empty()) {
      return;
    }
    KernelResources& kernel = kernels_.at(symbols_[symbol]);
    if (attribute == kRegisterCount) {
      kernel.registers_per_thread = value;
    } else if (attribute == kFrameSize || attribute == kMinimumStack) {
      kernel.local_bytes_per_thread = std::max(kernel.local_bytes_per_thread, value);
    }
  }

  ByteReader elf_;
  std::vector<Elf64_Shdr> sections_;
  std::uint64_t section_names_ = 0;
  std::vector<std::string> symbols_;  ///< by index; empty unless it is a kernel
  std::map<std::string, KernelResources> kernels_;
  std::uint64_t reserved_ = 0;
};

}  // namespace

std::map<std::string, KernelResources> read_cubin(std::span<const std::byte> elf) {
  return Cubin(elf).resources();
}

}  // namespace rackproof::emulator::fatbin
