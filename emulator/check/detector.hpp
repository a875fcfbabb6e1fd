#pragma once
/// Finds pairs of accesses that nothing orders, one of them a write: the process-wide part.
///
/// The model is happens-before over warps, after the PTX memory model (PTX ISA 9.0, chapter 8):
/// - Barriers of a CTA order those that take part; bar.warp.sync and, more leniently than the ISA,
///   every warp-wide .sync instruction orders the lanes of a warp.
/// - A release pattern is a fence, then a strong write or atomic of the same warp; or a write or
///   atomic with .release. An acquire pattern is a strong read or atomic that sees it, then a
///   fence; or one with .acquire. Scopes must include both sides, each time. Atomics carry on what
///   the value they replace released. Fenced knowledge goes through barriers on both sides.
/// - Strong accesses whose scopes include each other never race. .volatile counts as .relaxed.sys.
/// - Grids, copies and fills are ordered by streams, events, what the host has waited for, and
///   within an execution of a graph by its dependencies. What a grid launched programmatically
///   shares with the one before it, once that has let it begin, griddepcontrol.wait orders.
/// - In shared memory every strong access releases and acquires (hardware keeps their order).
///
/// Where it is silent on purpose, so that a finding is never false: writes that change nothing;
/// readers of a word beyond two; what one lane acquires counts for its warp; strong accesses that
/// were overwritten; grids that talk to the host through system-wide fences; more than 256 finished
/// grids ago; other processes.

#include "emulator/check/line.hpp"
#include "emulator/check/locations.hpp"
#include "emulator/check/operation_order.hpp"
#include "emulator/check/tensor_map_order.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace rackproof::emulator::check {

/// A grid that runs or ran. CTAs have serial numbers `first` to `first + count - 1`.
struct Grid {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  int device = 0;
  bool is_finished = false;
  bool meets_ranges = false;   ///< copies or fills are not ordered with it
  bool talks_to_host = false;  ///< through fences of system scope: who knows what it waits for
  bool meets_host = false;     ///< strong accesses of system scope: it may have heard of the host
  OperationOrder order;
  TensorMapOrder tensor_maps;
  /// Stands for the end of the grid in the clocks of those that wait for it.
  std::uint32_t end = 0;
  /// The ends of the grids that griddepcontrol.wait waits for.
  std::vector<std::uint32_t> awaited;
  /// CTAs of grids that nothing orders before this one: [first, last].
  std::vector<std::pair<std::uint32_t, std::uint32_t>> unordered;
  /// "thread (5,0,0) of CTA (1,0,0) at PTX line 12 (x.cu:3)", for messages.
  std::function<std::string(const Access& access, std::uint32_t unit)> describe;

  [[nodiscard]] bool holds(std::uint32_t cta) const { return cta - first < count; }
  [[nodiscard]] bool is_unordered_with(std::uint32_t cta) const {
    if (cta - first > 0x7fffffffU) {
      for (const auto& [low, high] : unordered) {
        if (cta >= low && cta <= high) {
          return true;
        }
      }
      return false;
    }
    return true;  // a grid that started later, while this one runs
  }
};

/// A copy or fill of the engine, or an access of the host: rows of `row_bytes` bytes, `pitch`
/// apart.
struct RangeAccess {
  std::uint64_t base = 0;
  std::uint64_t row_bytes = 0;
  std::uint64_t rows = 1;
  std::uint64_t pitch = 0;
  bool writes = false;
  std::uint64_t other_end = 0;  ///< of a copy
  bool precedes_later = false;  ///< ordered before all that begins later
  bool by_host = false;         ///< not of the engine, but of the program's own code
  std::string what;             ///< "copy of 64 bytes to 0x7f0012340000"
  OperationOrder order;

  [[nodiscard]] bool touches(std::uint64_t address, std::uint64_t bytes) const;
  [[nodiscard]] bool meets(const RangeAccess& other) const;
  /// Two copies in opposite directions between the same two places, or within one: who measures
  /// what a link carries both ways has no use for the data.
  [[nodiscard]] bool crosses(const RangeAccess& other) const {
    return other_end != 0 && base == other.base && other_end == other.other_end;
  }
};

/// Something that is not seen may order the two.
[[nodiscard]] inline bool may_know_each_other(const Grid& grid, const RangeAccess& range) {
  return grid.talks_to_host || (range.by_host && grid.meets_host);
}

/// One a process. All calls hold mutex() from outside, except forget().
class Detector {
 public:
  [[nodiscard]] std::mutex& mutex() { return mutex_; }

  [[nodiscard]] Grid& begin_grid(std::uint64_t ctas, int device, OperationOrder order);
  void end_grid(Grid& grid);
  /// The grid of a CTA; nullptr: forgotten.
  [[nodiscard]] const Grid* grid_of(std::uint32_t cta) const;

  /// The shadow of the line at `address`, a multiple of kLineBytes.
  [[nodiscard]] Line& line(std::uint64_t address) {
    const std::uint64_t number = address / kPageBytes;
    Cached& cached = cache_[number % cache_.size()];
    if (cached.number != number) [[unlikely]] {
      cached = {number, &page(number)};
    }
    return (*cached.page)[address % kPageBytes / kLineBytes];
  }
  [[nodiscard]] Locations& locations() { return locations_; }
  /// Has nothing been noted of the kernel before?
  [[nodiscard]] bool is_first_note(const std::string& kernel) {
    return noted_.insert(kernel).second;
  }

  /// A copy, fill or access of the host happens now: a message if what a grid, another copy or
  /// another fill did to its bytes is not ordered with it.
  [[nodiscard]] std::string range_access(RangeAccess access);
  /// What else touched the bytes and is not ordered with `grid`; nullptr: none.
  [[nodiscard]] const RangeAccess* unordered_range(const Grid& grid, std::uint64_t address,
                                                   std::uint64_t bytes, bool writes,
                                                   bool is_strong) const;
  /// New memory at old addresses. Thread-safe; takes effect before the next step.
  void forget(std::uint64_t base, std::uint64_t bytes);
  void apply_forgotten();

 private:
  static constexpr std::uint64_t kPageBytes = 65536;
  using Page = std::array<Line, kPageBytes / kLineBytes>;
  struct Cached {
    std::uint64_t number = ~std::uint64_t{0};
    Page* page = nullptr;
  };

  Page& page(std::uint64_t number);
  void drop_pages();
  void remember(RangeAccess access);

  std::mutex mutex_;
  std::deque<std::unique_ptr<Grid>> grids_;
  std::uint32_t next_cta_ = 1;
  std::size_t running_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<Page>> pages_;
  std::array<Cached, 256> cache_;
  std::unordered_set<std::string> noted_;  ///< kernels
  Locations locations_;
  std::deque<RangeAccess> ranges_;
  std::mutex forget_mutex_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> forgotten_;
};

}  // namespace rackproof::emulator::check
