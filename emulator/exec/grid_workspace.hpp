#pragma once
/// What a cooperative launch leaves for its grid: the memory behind %envreg1 and %envreg2, through
/// which cooperative_groups::grid_group synchronises (cooperative_groups/details/driver_abi.h: a
/// size and a barrier word).

#include "emulator/exec/aligned_buffer.hpp"
#include "emulator/memory/address_space.hpp"

#include <cstdint>

namespace rackproof::emulator::exec {

class GridWorkspace {
 public:
  GridWorkspace(memory::AddressSpace& addresses, int device)
      : addresses_(&addresses), buffer_(kBytes) {
    *reinterpret_cast<std::uint32_t*>(buffer_.data()) = kBytes;
    memory::Allocation allocation;
    allocation.base = reinterpret_cast<std::uintptr_t>(buffer_.data());
    allocation.size_bytes = kBytes;
    allocation.kind = memory::Kind::module_global;
    allocation.device = device;
    addresses.insert(allocation);
  }
  ~GridWorkspace() { addresses_->retire(reinterpret_cast<std::uintptr_t>(buffer_.data())); }
  GridWorkspace(const GridWorkspace&) = delete;
  GridWorkspace& operator=(const GridWorkspace&) = delete;

  [[nodiscard]] std::uint64_t address() const {
    return reinterpret_cast<std::uint64_t>(buffer_.data());
  }

 private:
  static constexpr std::uint32_t kBytes = 64;

  memory::AddressSpace* addresses_;
  AlignedBuffer buffer_;
};

}  // namespace rackproof::emulator::exec
