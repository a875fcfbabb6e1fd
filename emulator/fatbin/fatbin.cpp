#include "emulator/fatbin/fatbin.hpp"

#include "emulator/fatbin/byte_reader.hpp"
#include "emulator/fatbin/cubin.hpp"
#include "emulator/fatbin/decompress.hpp"

#include <cstring>

namespace rackproof::emulator::fatbin {
namespace {

constexpr std::uint32_t kMagic = 0xBA55ED50;
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kContainerHeaderBytes = 16;
constexpr std::size_t kEntryHeaderBytes = 64;
constexpr std::uint16_t kKindPtx = 1;
constexpr std::uint16_t kKindElf = 2;
constexpr std::uint64_t kFlagLz4 = 0x2000;
constexpr std::uint64_t kFlagZstd = 0x8000;
constexpr std::uint64_t kFlagArchitectureSpecific = 0x100000;  // sm_90a
constexpr std::uint64_t kFlagFamilySpecific = 0x200000;        // sm_100f

#pragma pack(push, 1)
struct ContainerHeader {
  std::uint32_t magic;
  std::uint16_t version;
  std::uint16_t header_bytes;
  std::uint64_t size_bytes;
};
struct EntryHeader {
  std::uint16_t kind;
  std::uint16_t version;
  std::uint32_t header_bytes;
  std::uint64_t payload_bytes;
  std::uint32_t compressed_bytes;
  std::uint32_t unused_20;
  std::uint32_t unused_24;
  std::uint32_t architecture;
  std::uint32_t unused_32;
  std::uint32_t unused_36;
  std::uint64_t flags;
  std::uint64_t unused_48;
  std::uint64_t plain_bytes;
};
#pragma pack(pop)
static_assert(sizeof(ContainerHeader) == kContainerHeaderBytes);
static_assert(sizeof(EntryHeader) == kEntryHeaderBytes);

std::vector<std::byte> plain_payload(const EntryHeader& entry, std::span<const std::byte> payload) {
  const bool zstd = (entry.flags & kFlagZstd) != 0;
  const bool lz4 = (entry.flags & kFlagLz4) != 0;
  if (!zstd && !lz4) {
    return {payload.begin(), payload.end()};
  }
  if (entry.compressed_bytes > payload.size()) {
    throw FatbinError("fatbin: an entry of " + std::to_string(payload.size()) + " bytes claims " +
                      std::to_string(entry.compressed_bytes) + " of data");
  }
  const std::span<const std::byte> packed = payload.first(entry.compressed_bytes);
  return zstd ? decompress_zstd(packed, entry.plain_bytes)
              : decompress_lz4(packed, entry.plain_bytes);
}

Target target_of(const EntryHeader& entry) {
  Target target{.architecture = entry.architecture, .suffix = 0};
  if ((entry.flags & kFlagArchitectureSpecific) != 0) {
    target.suffix = 'a';
  } else if ((entry.flags & kFlagFamilySpecific) != 0) {
    target.suffix = 'f';
  }
  return target;
}

void add_entry(Contents& contents, const EntryHeader& entry, std::span<const std::byte> payload) {
  const std::vector<std::byte> plain = plain_payload(entry, payload);
  if (entry.kind == kKindElf) {
    contents.cubins.push_back({target_of(entry), read_cubin(plain)});
    return;
  }
  const auto* text = reinterpret_cast<const char*>(plain.data());
  std::size_t length = plain.size();
  while (length > 0 && text[length - 1] == '\0') {
    --length;
  }
  contents.ptx.push_back({target_of(entry), std::string(text, length)});
}

/// May code for `target` run on `architecture` (103 for compute capability 10.3)?
bool runs_on(const Target& target, std::uint32_t architecture) {
  switch (target.suffix) {
    case 'a':
      return target.architecture == architecture;
    case 'f':
      return target.architecture / 10 == architecture / 10 && target.architecture <= architecture;
    default:
      return target.architecture <= architecture;
  }
}

/// Of two targets that run, the one closer to the device.
bool is_closer(const Target& a, const Target& b) {
  const auto rank = [](char suffix) { return suffix == 'a' ? 2 : suffix == 'f' ? 1 : 0; };
  return a.architecture != b.architecture ? a.architecture > b.architecture
                                          : rank(a.suffix) > rank(b.suffix);
}

}  // namespace

Contents read(std::span<const std::byte> image) {
  const ByteReader reader(image, "fatbin");
  const auto header = reader.read<ContainerHeader>(0);
  if (header.magic != kMagic) {
    throw FatbinError("fatbin: wrong magic number at offset 0");
  }
  if (header.version != kVersion || header.header_bytes < kContainerHeaderBytes) {
    throw FatbinError("fatbin: container version " + std::to_string(header.version) +
                      " with a header of " + std::to_string(header.header_bytes) +
                      " bytes at offset 4 is not known");
  }
  (void)reader.slice(header.header_bytes, header.size_bytes);
  const std::uint64_t end = header.header_bytes + header.size_bytes;

  Contents contents;
  std::uint64_t offset = header.header_bytes;
  while (offset < end) {
    const auto entry = reader.read<EntryHeader>(offset);
    if (entry.header_bytes < kEntryHeaderBytes) {
      throw FatbinError("fatbin: the entry at offset " + std::to_string(offset) +
                        " has a header of " + std::to_string(entry.header_bytes) + " bytes");
    }
    (void)reader.slice(offset, entry.header_bytes);
    const std::span<const std::byte> payload =
        reader.slice(offset + entry.header_bytes, entry.payload_bytes);
    if (entry.kind == kKindPtx || entry.kind == kKindElf) {
      add_entry(contents, entry, payload);
    }
    offset += entry.header_bytes + entry.payload_bytes;
  }
  return contents;
}

Contents read(const void* image) {
  ContainerHeader header{};
  std::memcpy(&header, image, sizeof(header));
  const std::uint64_t size =
      header.magic == kMagic ? header.header_bytes + header.size_bytes : sizeof(header);
  return read(std::span(static_cast<const std::byte*>(image), size));
}

const PtxEntry* select_ptx(const Contents& contents, std::uint32_t architecture) {
  const PtxEntry* best = nullptr;
  for (const PtxEntry& entry : contents.ptx) {
    if (runs_on(entry.target, architecture) &&
        (best == nullptr || is_closer(entry.target, best->target))) {
      best = &entry;
    }
  }
  return best;
}

std::optional<KernelResources> find_resources(const Contents& contents, const std::string& kernel,
                                              std::uint32_t architecture) {
  const CubinEntry* best = nullptr;
  for (const CubinEntry& entry : contents.cubins) {
    if (runs_on(entry.target, architecture) && entry.kernels.contains(kernel) &&
        (best == nullptr || is_closer(entry.target, best->target))) {
      best = &entry;
    }
  }
  return best == nullptr ? std::nullopt : std::optional(best->kernels.at(kernel));
}

}  // namespace rackproof::emulator::fatbin
