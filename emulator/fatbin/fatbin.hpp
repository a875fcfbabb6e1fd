#pragma once
/// Reads what nvcc embeds: the fatbin container, its PTX text and the resource notes of its cubins.
/// Layout: observed in what nvcc 13.0 writes for this project; every offset is checked.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace rackproof::emulator::fatbin {

class FatbinError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What ptxas decided for one kernel; PTX itself does not say.
struct KernelResources {
  std::uint32_t registers_per_thread = 0;
  std::uint32_t static_shared_bytes = 0;     ///< without what the system reserves (1 KiB on sm_90+)
  std::uint32_t local_bytes_per_thread = 0;  ///< stack frame, callees included
};

/// A compilation target: 103 with suffix 'a', 'f' or 0.
struct Target {
  std::uint32_t architecture = 0;
  char suffix = 0;
};

struct PtxEntry {
  Target target;
  std::string text;  ///< decompressed, without trailing zeros
};
struct CubinEntry {
  Target target;
  std::map<std::string, KernelResources> kernels;  ///< by symbol name
};
struct Contents {
  std::vector<PtxEntry> ptx;
  std::vector<CubinEntry> cubins;
};

/// Reads the container at `image` (magic 0xBA55ED50), whose header says how long it is. Throws
/// FatbinError with the offset. PTX may be plain, zstd or LZ4 (nvcc's four --compress-mode).
[[nodiscard]] Contents read(const void* image);
/// The same for bytes of a known size, which nothing in the container can make it leave.
[[nodiscard]] Contents read(std::span<const std::byte> image);

/// The PTX a device of this compute capability would run: the newest that it may (an 'a' target
/// only on exactly its own architecture, an 'f' target within its family, a plain one upward).
[[nodiscard]] const PtxEntry* select_ptx(const Contents& contents, std::uint32_t architecture);

/// Resources of `kernel` from the cubin nearest below `architecture`; nullopt if there is none.
[[nodiscard]] std::optional<KernelResources> find_resources(const Contents& contents,
                                                            const std::string& kernel,
                                                            std::uint32_t architecture);

}  // namespace rackproof::emulator::fatbin
