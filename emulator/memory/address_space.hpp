#pragma once
/// Every allocation that emulated code may touch, so that each access can be judged.
/// Device addresses are host addresses (one flat unified virtual address space).

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace rackproof::emulator::memory {

enum class Kind : std::uint8_t { device, pinned_host, managed, module_global, peer_import };

struct Allocation {
  std::uintptr_t base = 0;
  std::uint64_t size_bytes = 0;
  Kind kind = Kind::device;
  int device = 0;
  std::uint64_t id = 0;            ///< order of allocation in this process, for messages
  bool freed = false;              ///< kept as a tombstone until the address is used again
  bool needs_peer_access = false;  ///< kernels of other devices must have been let in
  /// Bit d: kernels of device d may access it, beside what needs_peer_access says.
  std::uint64_t accessing_devices = ~std::uint64_t{0};
};

/// Thread-safe registry of allocations. Look-ups return by value: entries may go at any time.
class AddressSpace {
 public:
  /// Registers memory that stays owned by the caller.
  void insert(Allocation allocation);
  /// Calls `watcher(base, bytes)` for every allocation from now on.
  void watch(std::function<void(std::uintptr_t, std::uint64_t)> watcher);
  /// Marks as freed: later accesses are "use after free" and name the allocation.
  void retire(std::uintptr_t base);
  /// Changes Allocation::accessing_devices.
  void set_access(std::uintptr_t base, std::uint64_t devices);
  /// The live or freed allocation that contains `address`.
  [[nodiscard]] std::optional<Allocation> find(std::uintptr_t address) const;
  /// The allocation, live or freed, whose bytes lie nearest to `address`: for messages.
  [[nodiscard]] std::optional<Allocation> find_nearest(std::uintptr_t address) const;
  /// Changes with every insert and retire: lets the executor cache its last hit.
  [[nodiscard]] std::uint64_t generation() const noexcept;

 private:
  mutable std::mutex mutex_;
  std::map<std::uintptr_t, Allocation> by_base_;
  std::uint64_t generation_ = 0;
  std::function<void(std::uintptr_t, std::uint64_t)> watcher_;
};

}  // namespace rackproof::emulator::memory
