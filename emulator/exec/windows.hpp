#pragma once
/// Where the state spaces lie in the generic address space. Device addresses are host addresses,
/// whose top byte is 0, so the top byte tells the spaces apart.

#include <cstdint>

namespace rackproof::emulator::exec {

/// shared is the CTA's own; shared_cluster is shared memory of any CTA of the cluster.
enum class AddressKind : std::uint8_t {
  generic,
  global,
  shared,
  local,
  parameter,
  frame,
  shared_cluster
};

inline constexpr unsigned kWindowShift = 56;
inline constexpr std::uint64_t kSharedWindow = std::uint64_t{1} << kWindowShift;
inline constexpr std::uint64_t kLocalWindow = std::uint64_t{2} << kWindowShift;
inline constexpr std::uint64_t kParameterWindow = std::uint64_t{3} << kWindowShift;
/// Function pointers: kCodeWindow + 16 * (index of the function in its module).
inline constexpr std::uint64_t kCodeWindow = std::uint64_t{4} << kWindowShift;
inline constexpr std::uint64_t kWindowOffsetMask = kSharedWindow - 1;

/// The first bytes of shared memory belong to the system, from sm_90 on or where a kernel asks for
/// them (%reserved_smem_offset_*).
inline constexpr std::uint32_t kReservedSharedBytes = 1024;

/// A shared::cluster address holds the CTA's rank in its cluster above bit 24.
inline constexpr unsigned kClusterRankShift = 24;

[[nodiscard]] constexpr AddressKind classify(std::uint64_t address) {
  switch (address >> kWindowShift) {
    case 1:
      return AddressKind::shared;
    case 2:
      return AddressKind::local;
    case 3:
      return AddressKind::parameter;
    default:
      return AddressKind::global;
  }
}

}  // namespace rackproof::emulator::exec
