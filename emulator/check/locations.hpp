#pragma once
/// The clocks that strong writes leave at their addresses: what a reader of the value may acquire.

#include "emulator/check/clock.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace rackproof::emulator::check {

inline constexpr std::size_t kScopes = 3;

/// What a release left, by how near the reader must be: [cta] only for the same CTA, [device] for
/// the same device, [system] for everybody.
struct Location {
  std::array<Clock, kScopes> released;
  ProxiedClock proxied;  ///< of what was released
  Clock before;  ///< what the writer of a relaxed store knew: no release, but its reads are over
  std::uint32_t cta = 0;
  int device = 0;
  bool by_atomic = false;     ///< the last write, which was of `cta`
  std::uint64_t version = 0;  ///< changes with every write: pollers need not join twice
};

/// By word of memory. Words that carry nothing have no entry.
class Locations {
 public:
  [[nodiscard]] bool empty() const { return by_word_.empty(); }
  void clear() { by_word_.clear(); }
  [[nodiscard]] const Location* find(std::uint64_t address) const {
    const auto found = by_word_.find(address / 4);
    return found == by_word_.end() ? nullptr : &found->second;
  }
  /// A write at `address` that releases `clocks` up to `scope`. An atomic adds to what is there
  /// (a release sequence); a store of a whole word replaces it.
  /// `proxied`: nullptr, or what of them lies before a proxy fence.
  void write(std::uint64_t address, const std::array<Clock, kScopes>* clocks,
             const ProxiedClock* proxied, Scope scope, bool adds, std::uint32_t cta, int device);

  /// The store at `address` came after `before`.
  void note_before(std::uint64_t address, const Clock& before, std::uint32_t cta, int device);

 private:
  std::unordered_map<std::uint64_t, Location> by_word_;
  std::uint64_t next_version_ = 1;
};

}  // namespace rackproof::emulator::check
