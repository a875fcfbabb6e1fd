#pragma once
/// What all CTAs of a running grid share.

#include "emulator/exec/decoded_kernel.hpp"
#include "emulator/exec/grid.hpp"
#include "emulator/exec/sector_set.hpp"
#include "emulator/memory/address_space.hpp"
#include "emulator/tensor/mma.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace rackproof::emulator::exec {

struct GridContext {
  const DecodedKernel* kernel = nullptr;
  const ptx::Module* module = nullptr;
  LaunchConfig config;
  memory::AddressSpace* addresses = nullptr;
  std::uint32_t architecture = 0;
  tensor::Generation generation = tensor::Generation::ampere;
  GridCounters counters;
  SectorSet sectors;
  std::uint64_t instructions = 0;  ///< warp instructions so far: the grid's clock

  /// Does the allocation last hit hold all of it?
  [[nodiscard]] bool covers(std::uint64_t address, std::uint64_t bytes) const {
    return address >= cached_low_ && address + bytes <= cached_high_;
  }
  /// Checks `bytes` at `address` against the allocations; remembers the last hit.
  /// Throws FaultRaised for `lane`. `what`: "global read", ...
  void check_global(std::uint64_t address, std::uint64_t bytes, std::uint32_t lane,
                    const char* what) {
    if (covers(address, bytes)) [[likely]] {
      return;
    }
    look_up(address, bytes, lane, what);
  }
  /// Forgets the last hit if allocations changed since.
  void refresh();

 private:
  void look_up(std::uint64_t address, std::uint64_t bytes, std::uint32_t lane, const char* what);

  struct Range {
    std::uint64_t low = 1;
    std::uint64_t high = 0;
  };
  std::uint64_t cached_low_ = 1;
  std::uint64_t cached_high_ = 0;
  std::array<Range, 8> recent_{};  ///< allocations hit before, in turn
  std::size_t next_recent_ = 0;
  std::uint64_t cached_generation_ = ~std::uint64_t{0};
};

}  // namespace rackproof::emulator::exec
