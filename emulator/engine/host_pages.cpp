#include "emulator/engine/host_pages.hpp"

#include <algorithm>
#include <sys/mman.h>
#include <unistd.h>

namespace rackproof::emulator::engine {
namespace {

// Accesses of the host to one allocation that are seen before it is opened whole: each costs a
// page fault and a look at the detector.
constexpr std::uint32_t kMostTouches = 64;

void protect(std::uintptr_t base, std::uint64_t bytes, int protection) {
  mprotect(reinterpret_cast<void*>(base), bytes, protection);
}

}  // namespace

void HostPages::close(std::uintptr_t base, Range& range) {
  protect(base, range.bytes, range.is_readable ? PROT_READ : PROT_NONE);
  range.is_closed = true;
  range.is_lent = false;
  range.touches = 0;
}

void HostPages::add(std::uintptr_t base, std::uint64_t bytes) {
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  const std::scoped_lock lock(mutex_);
  ranges_[base] = {.bytes = (bytes + page - 1) / page * page};
  is_empty_.store(false);
}

void HostPages::add_copy(std::uintptr_t base, std::uint64_t bytes, bool is_written) {
  std::uintptr_t end = base + bytes;
  bool is_readable = !is_written;
  const std::scoped_lock lock(mutex_);
  // One range with those of other copies that share pages with it.
  auto other = ranges_.lower_bound(base);
  if (other != ranges_.begin() && std::prev(other)->first + std::prev(other)->second.bytes > base) {
    --other;
  }
  while (other != ranges_.end() && other->first < end) {
    base = std::min(base, other->first);
    end = std::max(end, other->first + other->second.bytes);
    is_readable = is_readable && other->second.is_readable;
    other = ranges_.erase(other);
  }
  Range& range = ranges_[base];
  range = {.bytes = end - base, .is_readable = is_readable, .is_of_copy = true};
  is_empty_.store(false);
}

void HostPages::remove(std::uintptr_t base, std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  for (auto found = ranges_.lower_bound(base);
       found != ranges_.end() && found->first < base + std::max<std::uint64_t>(bytes, 1);) {
    protect(found->first, found->second.bytes, PROT_READ | PROT_WRITE);
    found = ranges_.erase(found);
  }
  is_empty_.store(ranges_.empty());
}

void HostPages::close() {
  if (is_empty_.load()) {
    return;
  }
  const std::scoped_lock lock(mutex_);
  is_closed_ = true;
  for (auto& [base, range] : ranges_) {
    if (!range.is_closed || range.touches != 0) {
      close(base, range);
    }
  }
}

void HostPages::close_again() {
  if (is_empty_.load()) {
    return;
  }
  const std::scoped_lock lock(mutex_);
  for (auto& [base, range] : ranges_) {
    if (is_closed_ && range.is_lent) {
      close(base, range);
    }
  }
}

void HostPages::open() {
  if (is_empty_.load()) {
    return;
  }
  const std::scoped_lock lock(mutex_);
  if (!is_closed_) {
    return;
  }
  is_closed_ = false;
  for (auto& [base, range] : ranges_) {
    protect(base, range.bytes, PROT_READ | PROT_WRITE);
    range = {.bytes = range.bytes, .is_of_copy = range.is_of_copy};
  }
  std::erase_if(ranges_, [](const auto& entry) { return entry.second.is_of_copy; });
  is_empty_.store(ranges_.empty());
}

HostPages::Meeting HostPages::meet(std::uintptr_t address, bool writes, bool is_emulator) {
  const std::scoped_lock lock(mutex_);
  auto found = ranges_.upper_bound(address);
  if (found == ranges_.begin() ||
      address - std::prev(found)->first >= std::prev(found)->second.bytes) {
    return Meeting::elsewhere;
  }
  --found;
  auto& [base, range] = *found;
  if (is_emulator || !range.is_closed || range.is_lent) {  // or another thread was faster
    protect(base, range.bytes, PROT_READ | PROT_WRITE);
    range.is_lent = range.is_closed;
    return Meeting::passed;
  }
  if (++range.touches == kMostTouches) {
    protect(base, range.bytes, PROT_READ | PROT_WRITE);
    return Meeting::watched;
  }
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  protect(address / page * page, page, writes ? PROT_READ | PROT_WRITE : PROT_READ);
  return Meeting::watched;
}

}  // namespace rackproof::emulator::engine
