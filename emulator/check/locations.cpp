#include "emulator/check/locations.hpp"

namespace rackproof::emulator::check {

void Locations::write(std::uint64_t address, const std::array<Clock, kScopes>* clocks,
                      const ProxiedClock* proxied, Scope scope, bool adds, std::uint32_t cta,
                      int device) {
  const bool releases = clocks != nullptr && !(*clocks)[0].empty();
  if (!releases) {
    // An atomic that releases nothing leaves what is there; a store ends it.
    if (const auto found = by_word_.find(address / 4); found != by_word_.end()) {
      if (adds) {
        found->second.cta = cta;
      } else {
        by_word_.erase(found);
      }
    }
    return;
  }
  Location& location = by_word_[address / 4];
  for (std::size_t level = 0; level < kScopes; ++level) {
    const bool reaches = level <= static_cast<std::size_t>(scope);
    Clock& clock = location.released[level];
    if (!adds) {
      clock.clear();
    }
    if (reaches) {
      clock.join((*clocks)[level]);
    }
  }
  if (!adds) {
    location.proxied.clear();
  }
  if (proxied != nullptr) {
    location.proxied.join(*proxied);
  }
  location.cta = cta;
  location.device = device;
  location.by_atomic = adds;
  location.version = next_version_++;
}

void Locations::note_before(std::uint64_t address, const Clock& before, std::uint32_t cta,
                            int device) {
  Location& location = by_word_[address / 4];
  location.before = before;
  location.cta = cta;
  location.device = device;
  location.by_atomic = false;
  location.version = next_version_++;
}

}  // namespace rackproof::emulator::check
