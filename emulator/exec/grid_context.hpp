#pragma once
/// What all CTAs of a running grid share, and what those that one thread runs count.

#include "emulator/check/detector.hpp"
#include "emulator/exec/decoded_kernel.hpp"
#include "emulator/exec/grid.hpp"
#include "emulator/exec/sector_set.hpp"
#include "emulator/memory/address_space.hpp"
#include "emulator/tensor/mma.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

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
  /// By rank in the cluster: DecodedKernel::constants with the addresses of that CTA's shared
  /// memory. Nobody reads the first.
  const std::vector<AlignedBuffer>* rank_constants = nullptr;
  /// clusterlaunchcontrol: takes a cluster that has not begun, by its index; in the serial phase.
  std::function<std::optional<std::uint64_t>()> steal_cluster;
  std::uint64_t workspace = 0;          ///< address for grid-wide synchronisation; 0: none
  check::Detector* detector = nullptr;  ///< with check::Grid: only if races are looked for
  check::Grid* checked = nullptr;
  /// Somebody wrote, began or ended since it was last cleared. While CTAs are watched, writes that
  /// leave memory as it was do not count.
  bool changed = false;
  /// griddepcontrol.launch_dependents: CTAs that executed it, or exited; whether some executed it,
  /// and some before they waited for their own prerequisite; and whether it holds its threads.
  std::uint64_t triggered_ctas = 0;
  bool has_trigger = false;
  bool has_trigger_before_wait = false;
  bool holds_triggers = false;
  /// Asked for the workspace of a cooperative launch, which it is not.
  bool wanted_workspace = false;

  /// What griddepcontrol.wait waits for has not ended.
  [[nodiscard]] bool awaits_prerequisite() const {
    return config.prerequisite != nullptr && !config.prerequisite->is_complete;
  }
  /// Does the allocation that `site` hit last hold all of it? A site is an instruction: it mostly
  /// stays in one allocation.
  [[nodiscard]] bool covers(std::uint64_t address, std::uint64_t bytes,
                            std::uint32_t site = 0) const {
    const Range& range = last_hit_[site % last_hit_.size()];
    return address >= range.low && address + bytes <= range.high;
  }
  /// Checks `bytes` at `address` against the allocations; remembers the last hit.
  /// Throws FaultRaised for `lane`. `what`: "global read", ...
  void check_global(std::uint64_t address, std::uint64_t bytes, std::uint32_t lane,
                    const char* what, std::uint32_t site = 0) {
    if (covers(address, bytes, site)) [[likely]] {
      return;
    }
    look_up(address, bytes, lane, what, site);
  }
  /// Tells the host's caches what `site` will touch next if it goes on in equal steps, as loops
  /// over rows do: their strides are too long for the host's own prefetchers.
  void prefetch_next(std::uint32_t site, std::uint64_t address, std::uint64_t bytes) {
    Stride& stride = strides_[site % strides_.size()];
    const std::uint64_t step = address - stride.last;
    if (step == stride.step) {
      for (std::uint64_t offset = 0; offset < bytes; offset += kHostLineBytes) {
        __builtin_prefetch(reinterpret_cast<const void*>(address + step + offset));
      }
    }
    stride = {address, step};
  }
  /// "byte 16 of allocation 3 (64 bytes at 0x..., device memory of device 0)", for messages.
  [[nodiscard]] std::string describe_address(std::uint64_t address) const;
  /// Forgets the last hit if allocations changed since.
  void refresh();

 private:
  void look_up(std::uint64_t address, std::uint64_t bytes, std::uint32_t lane, const char* what,
               std::uint32_t site);

  struct Range {
    std::uint64_t low = 1;
    std::uint64_t high = 0;
  };
  struct Stride {
    std::uint64_t last = 0;
    std::uint64_t step = 0;
  };
  static constexpr std::uint64_t kHostLineBytes = 64;
  std::array<Range, 64> last_hit_{};  ///< by site
  std::array<Stride, 64> strides_{};  ///< by site
  std::array<Range, 8> recent_{};     ///< allocations hit before, in turn
  std::size_t next_recent_ = 0;
  std::uint64_t cached_generation_ = ~std::uint64_t{0};
};

}  // namespace rackproof::emulator::exec
