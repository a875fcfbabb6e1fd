#pragma once
/// Addresses of a warp's memory instruction: validated, counted, and turned into host pointers.

#include "emulator/exec/lane_ops.hpp"
#include "emulator/exec/op.hpp"
#include "emulator/exec/warp.hpp"
#include "emulator/exec/windows.hpp"

#include <cstddef>
#include <cstdint>

namespace rackproof::emulator::exec {

enum class AccessType : std::uint8_t { read, write, atomic };

/// What was at the addresses of a warp.
class MemoryCopy {
 public:
  /// At most 32 bytes a lane.
  MemoryCopy(std::uint32_t lanes, std::uint32_t bytes, const Addresses& addresses);
  [[nodiscard]] bool differs() const;

 private:
  static constexpr std::uint32_t kMaxBytes = 32;
  std::uint32_t lanes_;
  std::uint32_t bytes_;
  const Addresses* addresses_;
  std::byte copy_[kWarpSize][kMaxBytes];
};
void set_changed(Warp& warp, bool changed);

/// Validates the accesses of `lanes` in `space` (generic is not allowed here; shared_cluster: all
/// in one CTA), counts them, and replaces each address by a host pointer. Throws FaultRaised.
void resolve(Warp& warp, const Op& op, AddressKind space, AccessType type, std::uint32_t bytes,
             std::uint32_t lanes, Addresses& addresses);

/// Performs `write` to resolved addresses. While the warp is watched, GridContext::changed then
/// says whether it changed memory; `before` is what it said before the addresses were resolved.
template <class Write>
void write_watched(Warp& warp, bool& before, std::uint32_t lanes, std::uint32_t bytes,
                   const Addresses& addresses, Write&& write) {
  if (warp.polls() == nullptr) [[likely]] {
    write();
    return;
  }
  const MemoryCopy old(lanes, bytes, addresses);
  write();
  before = before || old.differs();
  set_changed(warp, before);
}

/// Lanes of `lanes` whose addresses lie in the same space, and in shared memory of the same CTA, as
/// that of the lowest lane. `space` is generic or shared_cluster; the result is shared for the
/// CTA's own and shared_cluster for others' shared memory. Strips the window from generic
/// addresses, and leaves them summarised for those lanes.
[[nodiscard]] AddressKind split_space(Warp& warp, AddressKind space, Addresses& addresses,
                                      std::uint32_t lanes, std::uint32_t bytes,
                                      std::uint32_t& same);
/// Accesses that split_space() has to look at first.
[[nodiscard]] constexpr bool spans_spaces(AddressKind space) {
  return space == AddressKind::generic || space == AddressKind::shared_cluster;
}

/// Tells the checker of resolved accesses to global or shared memory. resolve() does so for reads
/// and atomics; whoever writes does before the data moves: lane l's is at data + l * stride.
/// Throws FaultRaised.
void check_accesses(Warp& warp, const Op& op, AddressKind space, AccessType type,
                    std::uint32_t bytes, std::uint32_t lanes, const Addresses& addresses,
                    const void* data = nullptr, std::uint32_t stride = 0);

/// The same for weak accesses of a whole warp to consecutive elements, or to one: `first` is the
/// host address. False: something is to be reported or compared; check_accesses() decides.
[[nodiscard]] bool check_row(Warp& warp, const Op& op, AddressKind space, AccessType type,
                             std::uint64_t first, std::uint32_t bytes, bool uniform);

/// A cp.async to resolved addresses begins: what it overwrites must be ordered before it.
void begin_shared_copy(Warp& warp, std::uint32_t bytes, std::uint32_t lanes,
                       const Addresses& addresses);

/// The owner of a warp's CopyQueue: moves the data of a cp.async, and tells the checker when a wait
/// has ordered it.
class CopyOwner {
 public:
  explicit CopyOwner(Warp& warp) : warp_(&warp) {}
  void land(const async::Copy& copy, std::uint32_t lanes);
  void retire(const async::Copy& copy, std::uint32_t lanes);
  void arrive(const async::Arrival& arrival, std::uint32_t lanes);  ///< ops_mbarrier.cpp

 private:
  Warp* warp_;
};

}  // namespace rackproof::emulator::exec
