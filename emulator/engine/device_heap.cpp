#include "emulator/engine/device_heap.hpp"

#include "emulator/exec/thread_sanitizer.hpp"

#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace rackproof::emulator::engine {
namespace {

constexpr std::uint64_t kAlignment = 512;
// Behind each allocation lie as many addresses as it has, and no fewer than this: an index that is
// too large by less than the array's size hits no neighbour.
constexpr std::uint64_t kLeastGuard = 16ULL << 10U;
// Where addresses have become scarce.
constexpr std::uint64_t kScarceGuard = 512;
// Addresses are cheap: all of the capacity with its guards, and as many for freed ranges to rest.
constexpr std::uint64_t kAddressSpaceFactor = exec::kIsUnderThreadSanitizer ? 1 : 4;
// With fewer addresses than these nothing is gained.
constexpr std::uint64_t kLeastArenaBytes = 1ULL << 30U;
// Below this, writing zeros is cheaper than dropping pages and faulting them in again.
constexpr std::uint64_t kDropPagesFrom = 4ULL << 20U;
// What the driver keeps for contexts; a stand-in for a figure that differs by driver.
constexpr std::uint64_t kDriverReserveBytes = 512ULL << 20U;

std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

std::uint64_t page_bytes() {
  static const auto size = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace

DeviceHeap::~DeviceHeap() {
  if (base_ != nullptr) {
    munmap(base_, arena_bytes_);
    close(file_);
  }
}

bool DeviceHeap::create_arena() {
  if (base_ != nullptr) {
    return true;
  }
  std::uint64_t bytes = round_up(capacity_bytes_ * kAddressSpaceFactor, page_bytes());
  const int file = memfd_create("rackproof-device-memory", MFD_CLOEXEC);
  if (file < 0) {
    return false;
  }
  // A limit of the process's addresses (ulimit -v, a sanitizer's shadow) leaves less of the device.
  const auto map = [&] {
    return ftruncate(file, static_cast<off_t>(bytes)) == 0
               ? mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0)
               : MAP_FAILED;
  };
  void* base = map();
  while (base == MAP_FAILED && bytes / 2 >= std::min(capacity_bytes_, kLeastArenaBytes)) {
    bytes = round_up(bytes / 2, page_bytes());
    base = map();
  }
  if (base == MAP_FAILED) {
    close(file);
    return false;
  }
  // Core dumps of sparse terabytes help nobody.
  madvise(base, bytes, MADV_DONTDUMP);
  file_ = file;
  base_ = static_cast<std::byte*>(base);
  arena_bytes_ = bytes;
  free_.emplace(0, bytes);
  return true;
}

std::optional<std::uint64_t> DeviceHeap::take_range(std::uint64_t bytes) {
  // Next fit from the cursor on, also in the middle of a range: what was freed last comes last.
  auto range = free_.upper_bound(cursor_);
  if (range != free_.begin()) {
    --range;
  }
  for (std::size_t tried = 0; tried <= free_.size(); ++tried, ++range) {
    if (range == free_.end()) {
      range = free_.begin();
      cursor_ = 0;
    }
    const auto [begin, size] = *range;
    const std::uint64_t end = begin + size;
    const std::uint64_t offset = std::max(begin, std::min(cursor_, end));
    if (end - offset >= bytes) {
      free_.erase(range);
      if (offset > begin) {
        free_.emplace(begin, offset - begin);
      }
      if (offset + bytes < end) {
        free_.emplace(offset + bytes, end - offset - bytes);
      }
      cursor_ = offset + bytes;
      return offset;
    }
  }
  return std::nullopt;
}

void* DeviceHeap::allocate(std::uint64_t bytes) {
  return allocate(bytes, true);
}

void* DeviceHeap::allocate_range(std::uint64_t bytes) {
  return allocate(bytes, false);
}

void* DeviceHeap::allocate(std::uint64_t bytes, bool is_charged) {
  const std::scoped_lock lock(mutex_);
  if (bytes == 0 || bytes > capacity_bytes_ || !create_arena()) {
    return nullptr;
  }
  const std::uint64_t charged = round_up(bytes, kAlignment);
  if (is_charged &&
      used_bytes_ + charged > capacity_bytes_ - std::min(capacity_bytes_, kDriverReserveBytes)) {
    return nullptr;
  }
  std::uint64_t range = charged + std::max(charged, kLeastGuard);
  auto offset = take_range(range);
  if (!offset) {
    range = charged + kScarceGuard;
    offset = take_range(range);
  }
  if (!offset) {
    return nullptr;
  }
  used_bytes_ += is_charged ? charged : 0;
  allocations_.emplace(*offset, Taken{bytes, range, is_charged});
  return base_ + *offset;
}

bool DeviceHeap::release(void* address) {
  const std::scoped_lock lock(mutex_);
  if (base_ == nullptr || address < base_ || address >= base_ + arena_bytes_) {
    return false;
  }
  const auto offset = static_cast<std::uint64_t>(static_cast<std::byte*>(address) - base_);
  const auto found = allocations_.find(offset);
  if (found == allocations_.end()) {
    return false;
  }
  const std::uint64_t charged = round_up(found->second.bytes, kAlignment);
  const std::uint64_t range = found->second.range_bytes;
  used_bytes_ -= found->second.is_charged ? charged : 0;
  allocations_.erase(found);
  // Neighbours may share the first and the last page; those bytes are cleared by hand.
  const std::uint64_t first_page = round_up(offset, page_bytes());
  const std::uint64_t end = offset + range;
  const std::uint64_t last_page = end / page_bytes() * page_bytes();
  if (first_page < last_page) {
    fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(first_page),
              static_cast<off_t>(last_page - first_page));
    std::memset(base_ + offset, 0, first_page - offset);
    std::memset(base_ + last_page, 0, end - last_page);
  } else {
    std::memset(base_ + offset, 0, range);
  }
  auto inserted = free_.emplace(offset, range).first;
  if (const auto next = std::next(inserted);
      next != free_.end() && inserted->first + inserted->second == next->first) {
    inserted->second += next->second;
    free_.erase(next);
  }
  if (inserted != free_.begin()) {
    const auto previous = std::prev(inserted);
    if (previous->first + previous->second == inserted->first) {
      previous->second += inserted->second;
      free_.erase(inserted);
    }
  }
  return true;
}

bool DeviceHeap::reserve(std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  if (bytes > capacity_bytes_ - std::min(capacity_bytes_, used_bytes_ + kDriverReserveBytes)) {
    return false;
  }
  used_bytes_ += bytes;
  return true;
}

void DeviceHeap::unreserve(std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  used_bytes_ -= std::min(bytes, used_bytes_);
}

std::uint64_t DeviceHeap::free_bytes() const {
  const std::scoped_lock lock(mutex_);
  return capacity_bytes_ - std::min(capacity_bytes_, used_bytes_ + kDriverReserveBytes);
}

std::optional<DeviceHeap::Place> DeviceHeap::place(const void* address) const {
  const std::scoped_lock lock(mutex_);
  if (base_ == nullptr || address < base_ || address >= base_ + arena_bytes_) {
    return std::nullopt;
  }
  const auto offset = static_cast<std::uint64_t>(static_cast<const std::byte*>(address) - base_);
  auto found = allocations_.upper_bound(offset);
  if (found == allocations_.begin()) {
    return std::nullopt;
  }
  --found;
  if (offset >= found->first + found->second.bytes) {
    return std::nullopt;
  }
  return Place{file_, found->first, found->second.bytes};
}

int DeviceHeap::file() {
  const std::scoped_lock lock(mutex_);
  return create_arena() ? file_ : -1;
}

void DeviceHeap::zero(void* address, std::uint64_t bytes) const {
  auto* begin = static_cast<std::byte*>(address);
  const bool ours = base_ != nullptr && begin >= base_ && begin + bytes <= base_ + arena_bytes_;
  if (!ours || bytes < kDropPagesFrom) {
    std::memset(address, 0, bytes);
    return;
  }
  const auto offset = static_cast<std::uint64_t>(begin - base_);
  const std::uint64_t first_page = round_up(offset, page_bytes());
  const std::uint64_t last_page = (offset + bytes) / page_bytes() * page_bytes();
  std::memset(begin, 0, first_page - offset);
  if (fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(first_page),
                static_cast<off_t>(last_page - first_page)) != 0) {
    std::memset(base_ + first_page, 0, last_page - first_page);
  }
  std::memset(base_ + last_page, 0, offset + bytes - last_page);
}

}  // namespace rackproof::emulator::engine
