#pragma once
/// What a warp does while its grid is suspected of making no progress: do its groups come back to
/// states in which they were before, and where do they look meanwhile?

#include "emulator/exec/lane_ops.hpp"
#include "emulator/exec/windows.hpp"

#include <array>
#include <cstdint>
#include <vector>

namespace rackproof::emulator::exec {

/// Finds cycles by Brent's algorithm (BIT 20, 1980) in the states in which groups take backward
/// branches. A state is all that a warp's next steps depend on while nobody changes memory, so a
/// group that comes back to one does so for ever.
class PollLog {
 public:
  /// The last read of a lane.
  struct Read {
    std::uint32_t pc = 0;
    std::uint32_t bytes = 0;  ///< 0: none yet
    AddressKind space = AddressKind::global;
    bool synchronises = false;
    std::uint64_t address = 0;  ///< on the host
  };

  /// `lanes` take a backward branch.
  void turn(std::uint32_t lanes, std::uint64_t state);
  void read(const Read& what, std::uint32_t lanes, const Addresses& addresses);
  /// All of `lanes` have come back to a state `times` times since restart().
  [[nodiscard]] bool repeats(std::uint32_t lanes, std::uint32_t times) const;
  /// Lanes that took a backward branch since restart().
  [[nodiscard]] std::uint32_t turned() const { return turned_; }
  [[nodiscard]] const Read& last_read(std::uint32_t lane) const { return reads_[lane]; }
  /// Counts anew; known states stay known.
  void restart();

 private:
  struct Walk {
    std::uint32_t lanes = 0;
    std::uint64_t state = 0;
    std::uint64_t steps = 0;
    std::uint64_t limit = 1;
  };
  std::vector<Walk> walks_;
  std::array<std::uint8_t, kWarpSize> repeats_{};
  std::array<Read, kWarpSize> reads_{};
  std::uint32_t turned_ = 0;
};

/// Mixes `size` bytes (a multiple of 8) into `seed`.
[[nodiscard]] std::uint64_t hash_words(const std::byte* data, std::size_t size, std::uint64_t seed);

}  // namespace rackproof::emulator::exec
