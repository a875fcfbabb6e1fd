#pragma once
/// Payloads of fatbin entries to plain bytes.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rackproof::emulator::fatbin {

/// One zstd frame of exactly `plain_bytes`. Throws FatbinError.
[[nodiscard]] std::vector<std::byte> decompress_zstd(std::span<const std::byte> packed,
                                                     std::uint64_t plain_bytes);
/// One LZ4 block (format of lz4_Block_format.md, no frame) of exactly `plain_bytes`. Throws
/// FatbinError.
[[nodiscard]] std::vector<std::byte> decompress_lz4(std::span<const std::byte> packed,
                                                    std::uint64_t plain_bytes);

}  // namespace rackproof::emulator::fatbin
