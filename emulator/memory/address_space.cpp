#include "emulator/memory/address_space.hpp"

#include <iterator>
#include <utility>

namespace rackproof::emulator::memory {

void AddressSpace::insert(Allocation allocation) {
  const std::lock_guard lock(mutex_);
  // Tombstones that the new allocation overlaps are forgotten: the addresses are in use again.
  const auto end = allocation.base + allocation.size_bytes;
  auto entry = by_base_.lower_bound(allocation.base);
  if (entry != by_base_.begin()) {
    const auto previous = std::prev(entry);
    if (previous->second.base + previous->second.size_bytes > allocation.base) {
      entry = previous;
    }
  }
  while (entry != by_base_.end() && entry->first < end) {
    entry = by_base_.erase(entry);
  }
  if (watcher_) {
    watcher_(allocation.base, allocation.size_bytes);
  }
  by_base_.emplace(allocation.base, std::move(allocation));
  ++generation_;
}

void AddressSpace::watch(std::function<void(std::uintptr_t, std::uint64_t)> watcher) {
  const std::lock_guard lock(mutex_);
  watcher_ = std::move(watcher);
}

void AddressSpace::retire(std::uintptr_t base) {
  const std::lock_guard lock(mutex_);
  if (const auto entry = by_base_.find(base); entry != by_base_.end()) {
    entry->second.freed = true;
    ++generation_;
  }
}

void AddressSpace::set_access(std::uintptr_t base, std::uint64_t devices) {
  const std::lock_guard lock(mutex_);
  if (const auto entry = by_base_.find(base); entry != by_base_.end()) {
    entry->second.accessing_devices = devices;
    ++generation_;
  }
}

std::optional<Allocation> AddressSpace::find(std::uintptr_t address) const {
  const std::lock_guard lock(mutex_);
  auto entry = by_base_.upper_bound(address);
  if (entry == by_base_.begin()) {
    return std::nullopt;
  }
  --entry;
  const Allocation& allocation = entry->second;
  if (address - allocation.base >= allocation.size_bytes) {
    return std::nullopt;
  }
  return allocation;
}

std::optional<Allocation> AddressSpace::find_nearest(std::uintptr_t address) const {
  const std::lock_guard lock(mutex_);
  if (by_base_.empty()) {
    return std::nullopt;
  }
  const auto above = by_base_.upper_bound(address);
  if (above == by_base_.begin()) {
    return above->second;
  }
  const auto below = std::prev(above);
  if (above == by_base_.end()) {
    return below->second;
  }
  const auto gap_below = address - (below->second.base + below->second.size_bytes);
  return gap_below <= above->first - address ? below->second : above->second;
}

std::uint64_t AddressSpace::generation() const noexcept {
  const std::lock_guard lock(mutex_);
  return generation_;
}

}  // namespace rackproof::emulator::memory
