#pragma once
/// Reads what nvcc embeds: the fatbin container, its PTX text and the resource notes of its cubins.
/// Layout: ../shared notes and nvcc's own fatbinary_section.h; every offset is checked.

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
  std::uint32_t static_shared_bytes = 0;
  std::uint32_t local_bytes_per_thread = 0;
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

/// Reads the container at `image` (magic 0xBA55ED50). Throws FatbinError with the offset.
[[nodiscard]] Contents read(const void* image);

/// The PTX a device of this compute capability would run: the newest that it may (an 'a' target
/// only on exactly its own architecture, an 'f' target within its family, a plain one upward).
[[nodiscard]] const PtxEntry* select_ptx(const Contents& contents, std::uint32_t architecture);

/// Resources of `kernel` from the cubin nearest below `architecture`; nullopt if there is none.
[[nodiscard]] std::optional<KernelResources> find_resources(const Contents& contents,
                                                            const std::string& kernel,
                                                            std::uint32_t architecture);

}  // namespace rackproof::emulator::fatbin
