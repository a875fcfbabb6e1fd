#pragma once
/// Finds reads of shared memory that nobody wrote, and pairs of accesses that nothing orders.
///
/// Happens-before over warps: each warp has a vector clock; barriers join the clocks of those that
/// take part, atomics and volatile accesses carry them from one warp to the next. Within a warp two
/// lanes are ordered by bar.warp.sync and the other warp-wide .sync instructions. Each word keeps
/// its last write and who read it since (after FastTrack: Flanagan and Freund, PLDI 2009); words
/// that are accessed by halves or bytes are tracked by byte from then on.
///
/// It errs on the side of silence: several readers of a word share one epoch, the oldest.

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace rackproof::emulator::exec {

/// Who accesses: `pc` is the instruction, for the message.
struct Accessor {
  std::uint32_t warp = 0;
  std::uint32_t lane = 0;
  std::uint32_t pc = 0;
};

struct SharedFinding {
  enum class Kind : std::uint8_t {
    none,
    uninitialised,
    write_after_write,
    read_after_write,
    write_after_read,
    copy_in_flight,
  };
  Kind kind = Kind::none;
  std::uint32_t address = 0;
  Accessor other;  ///< the earlier access
};

class SharedChecker {
 public:
  SharedChecker(std::uint32_t bytes, std::uint32_t warps, bool check_init, bool check_races);

  [[nodiscard]] SharedFinding read(const Accessor& who, std::uint32_t address, std::uint32_t bytes);
  /// `same_value`: the write changes nothing, so it cannot race with another write.
  [[nodiscard]] SharedFinding write(const Accessor& who, std::uint32_t address, std::uint32_t bytes,
                                    bool same_value);
  /// An atomic or volatile access: never races, and orders what came before in other warps.
  void synchronise(const Accessor& who, std::uint32_t address, std::uint32_t bytes, bool writes);
  /// cp.async: until end_copy() its destination belongs to the copy.
  [[nodiscard]] SharedFinding begin_copy(const Accessor& who, std::uint32_t address,
                                         std::uint32_t bytes);
  void end_copy(const Accessor& who, std::uint32_t address, std::uint32_t bytes);

  /// A warp-wide synchronisation of `warp`.
  void warp_sync(std::uint32_t warp);
  /// Adds what `warp` did so far to a barrier's clock; its later accesses are not covered.
  void arrive(std::uint32_t warp, std::vector<std::uint32_t>& joined);
  /// `warp` leaves the barrier and knows all that the clock holds.
  void depart(std::uint32_t warp, const std::vector<std::uint32_t>& joined);

 private:
  struct Cell {
    std::uint32_t write_epoch = 0;  ///< 0: never written
    std::uint32_t write_pc = 0;
    std::uint32_t readers = 0;     ///< warps that read since the last write
    std::uint32_t read_epoch = 0;  ///< the oldest of their epochs
    std::uint32_t last_read_epoch = 0;
    std::uint32_t read_pc = 0;
    std::uint8_t write_warp = 0;
    std::uint8_t write_lane = 0;
    std::uint8_t read_warp = 0;
    std::uint8_t read_lane = 0;
    bool several_lanes = false;  ///< of read_warp read it in last_read_epoch
    bool in_flight = false;      ///< destination of a copy that nobody waited for
    bool split = false;          ///< see split_bytes_
  };

  [[nodiscard]] std::uint32_t& clock(std::uint32_t of, std::uint32_t about) {
    return clocks_[std::size_t{of} * warps_ + about];
  }
  [[nodiscard]] std::uint32_t epoch(std::uint32_t warp) { return clock(warp, warp); }
  SharedFinding check_read(Cell& cell, const Accessor& who, std::uint32_t address);
  SharedFinding check_write(Cell& cell, const Accessor& who, std::uint32_t address,
                            bool same_value);
  /// Calls visit(cell, address) for every cell of the range until one returns a finding.
  template <class Visit>
  SharedFinding for_each_cell(std::uint32_t address, std::uint32_t bytes, Visit&& visit);
  [[nodiscard]] bool is_initialised(std::uint32_t address, std::uint32_t bytes) const;
  void mark_initialised(std::uint32_t address, std::uint32_t bytes);

  std::uint32_t warps_;
  bool check_init_;
  bool check_races_;
  std::uint32_t now_ = 1;                   ///< counts synchronisations of the CTA
  std::vector<std::uint64_t> initialised_;  ///< a bit a byte
  std::vector<Cell> words_;
  std::vector<Cell> split_bytes_;      ///< allocated when first needed
  std::vector<std::uint32_t> clocks_;  ///< what each warp knows of each: warps x warps
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> locations_;  ///< clocks of atomics
};

}  // namespace rackproof::emulator::exec
