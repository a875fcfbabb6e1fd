#pragma once
/// What is remembered of 128 bytes of memory: who wrote each word last, and two of its readers.
///
/// A whole row of a warp is one record, so coalesced accesses cost one comparison. A line that
/// holds more than one write has a stamp a unit instead; lines that are accessed by bytes or halves
/// are split into four lines of 32 bytes. Readers beyond two are forgotten, the oldest is kept:
/// fewer findings, never a false one.

#include "emulator/check/access.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <memory>

namespace rackproof::emulator::check {

inline constexpr std::uint32_t kLineBytes = 128;
inline constexpr std::uint32_t kAllLanes = 0xffffffffU;

/// The earlier access that nothing orders before the present one.
struct Conflict {
  bool found = false;
  bool earlier_was_read = false;
  Access earlier;
  std::uint32_t units = 0;  ///< of the line (bytes of the sub-line if it is split), both touched
};

class Line {
 public:
  /// `ordered(earlier, now, units)` decides. A read is remembered unless it conflicts.
  /// `ordered.known_to_all()`: what happened up to that time is ordered before all that comes.
  template <class Ordered>
  Conflict read(const Access& now, const Ordered& ordered) {
    prune(ordered);
    const Conflict conflict = find_write(now, ordered);
    if (!conflict.found) {
      remember_read(now, ordered);
    }
    return conflict;
  }
  /// A write, or an atomic; remembered unless it conflicts and `check` is true.
  template <class Ordered>
  Conflict write(const Access& now, const Ordered& ordered, bool check) {
    prune(ordered);
    if (check) {
      Conflict conflict = find_write(now, ordered);
      for (std::size_t i = 0; i < reads_.size() && !conflict.found; ++i) {
        conflict = compare(reads_[i], now, true, ordered);
      }
      if (conflict.found) {
        return conflict;
      }
    }
    remember_write(now);
    return {};
  }
  /// Would an access conflict? Nothing is remembered.
  template <class Ordered>
  Conflict probe(const Access& now, const Ordered& ordered, bool writes) const {
    Conflict conflict = find_write(now, ordered);
    for (std::size_t i = 0; writes && i < reads_.size() && !conflict.found; ++i) {
      conflict = compare(reads_[i], now, true, ordered);
    }
    return conflict;
  }
  /// Copies in flight to `now.units` have been waited for: they become writes of `now`.
  void land(const Access& now) { remember_write(now); }

  /// The operation in flight that `now` names is over: its record becomes `now`'s.
  void end_in_flight(const Access& now, bool was_write) {
    const auto end = [&now](Access& record) {
      if ((record.units & now.units) != 0 && record.cta == now.cta && record.where == now.where &&
          record.strength() == Strength::in_flight) {
        record.when = now.when;
      }
    };
    if (!was_write) {
      std::for_each(reads_.begin(), reads_.end(), end);
      return;
    }
    end(write_);
    for (std::uint32_t rest = has_stamps() ? now.units & extra_->in_flight : 0; rest != 0;
         rest &= rest - 1) {
      const auto unit = static_cast<std::uint32_t>(std::countr_zero(rest));
      Stamp& stamp = extra_->stamps[unit];
      if (stamp.cta == now.cta && stamp.where == now.where) {
        stamp.when = now.when;
        extra_->in_flight &= ~(1U << unit);
        extra_->newest = std::max(extra_->newest, now.time());
      }
    }
  }

  [[nodiscard]] bool is_split() const { return extra_ && extra_->bytes; }
  /// The line of 32 bytes, splitting this one first if need be.
  Line& part(std::uint32_t index) {
    if (!is_split()) {
      split();
    }
    return (*extra_->bytes)[index];
  }
  void clear() { *this = Line(); }

  /// Grid `grid` (by its first CTA) loaded from the 32-byte sectors in `sectors`: an L1 may hold
  /// them.
  void note_cached(std::uint32_t grid, std::uint32_t sectors) {
    cached_sectors_ = cached_by_ == grid ? cached_sectors_ | sectors : sectors;
    cached_by_ = grid;
  }
  [[nodiscard]] bool may_be_cached(std::uint32_t grid, std::uint32_t sectors) const {
    return cached_by_ == grid && (cached_sectors_ & sectors) != 0;
  }

 private:
  struct Extra {
    bool has_stamps = false;  ///< instead of write_
    Time newest = 0;          ///< of the stamps
    std::uint32_t in_flight = 0;
    std::array<Stamp, 32> stamps;
    std::unique_ptr<std::array<Line, 4>> bytes;
  };

  [[nodiscard]] bool has_stamps() const { return extra_ && extra_->has_stamps; }
  template <class Ordered>
  void prune(const Ordered& ordered) {
    if (has_stamps() && extra_->in_flight == 0 && extra_->newest <= ordered.known_to_all()) {
      extra_->has_stamps = false;
    }
  }

  template <class Ordered>
  static Conflict compare(const Access& earlier, const Access& now, bool was_read,
                          const Ordered& ordered) {
    const std::uint32_t units = earlier.units & now.units;
    if (units == 0 || ordered(earlier, now, units)) {
      return {};
    }
    return {true, was_read, earlier, units};
  }
  template <class Ordered>
  Conflict find_write(const Access& now, const Ordered& ordered) const {
    if (!has_stamps()) [[likely]] {
      return compare(write_, now, false, ordered);
    }
    for (std::uint32_t rest = now.units; rest != 0; rest &= rest - 1) {
      const auto unit = static_cast<std::uint32_t>(std::countr_zero(rest));
      const Stamp& stamp = extra_->stamps[unit];
      if (stamp.when == 0) {
        continue;
      }
      const Access earlier = stamp.access(unit);
      if (!ordered(earlier, now, earlier.units)) {
        return {true, false, earlier, earlier.units};
      }
    }
    return {};
  }
  template <class Ordered>
  void remember_read(const Access& now, const Ordered& ordered) {
    for (Access& read : reads_) {
      if (read.units == 0) {
        read = now;
        return;
      }
      if (read.same_epoch(now)) {
        if (keeps_lanes(read, now)) {
          merge(read, now);
          return;
        }
      } else if ((read.units & ~now.units) == 0 && ordered(read, now, read.units)) {
        read = now;
        return;
      }
    }
    // No room: lanes are forgotten before warps are, and warps before units.
    if (reads_[1].same_epoch(now)) {
      merge(reads_[1], now);
    } else if (reads_[0].same_epoch(now)) {
      merge(reads_[0], now);
    } else {
      if (reads_[0].same_epoch(reads_[1])) {
        merge(reads_[0], reads_[1]);
      }
      reads_[1] = now;
    }
  }
  static bool by_one_lane(const Access& a, const Access& b) {
    return a.has_one_lane() && b.has_one_lane() && a.first_lane() == b.first_lane();
  }
  /// Does a record of both still say which lanes accessed what?
  static bool keeps_lanes(const Access& into, const Access& now) {
    return into.same_lanes(now) || by_one_lane(into, now) || several(into, now);
  }
  // `now` joins a record of the same warp and time. Units of which too little is kept to say which
  // lane accessed them are kUnknown; those that only one lane can have accessed never kSeveral.
  static void merge(Access& into, const Access& now) {
    if (!into.same_lanes(now)) {
      into.set_lanes(now.first_lane(), by_one_lane(into, now) ? lane_code::kSingle
                                       : several(into, now)   ? lane_code::kSeveral
                                                              : lane_code::kUnknown);
    }
    into.where = (into.where & 0x3ffU) | now.where >> 10 << 10;
    into.units |= now.units;
  }
  // Has more than one lane accessed each unit of either?
  static bool several(const Access& into, const Access& now) {
    if ((into.units & ~now.units) != 0) {
      return into.code() == lane_code::kSeveral && (now.units & ~into.units) == 0;
    }
    if (now.code() == lane_code::kSeveral) {
      return true;
    }
    if (into.units != now.units) {
      return false;
    }
    if (into.code() >= lane_code::kUnknown || now.code() == lane_code::kUnknown) {
      return into.code() == lane_code::kSeveral;
    }
    std::uint32_t rest = now.units;
    while (rest != 0 && into.lane_of(static_cast<std::uint32_t>(std::countr_zero(rest))) !=
                            now.lane_of(static_cast<std::uint32_t>(std::countr_zero(rest)))) {
      rest &= rest - 1;
    }
    return rest == 0;
  }
  void remember_write(const Access& now) {
    for (Access& read : reads_) {
      read.units &= ~now.units;
    }
    if (has_stamps()) [[unlikely]] {
      stamp(now);
      return;
    }
    const std::uint32_t rest = write_.units & ~now.units;
    if (rest == 0) {
      write_ = now;
    } else if (write_.same_epoch(now) && write_.same_lanes(now) && write_.pc() == now.pc()) {
      write_.units |= now.units;
    } else {
      begin_stamps();
      stamp(now);
    }
  }
  void begin_stamps();
  void stamp(const Access& now);
  void put_stamps(const Access& now);
  void split();

  Access write_;
  std::array<Access, 2> reads_;
  std::unique_ptr<Extra> extra_;
  std::uint32_t cached_by_ = 0;
  std::uint32_t cached_sectors_ = 0;
};
static_assert(sizeof(Line) == 64);

/// The 32-byte sectors of a line that hold the words in `words`, a bit each.
[[nodiscard]] constexpr std::uint32_t sectors_of_words(std::uint32_t words) {
  return static_cast<std::uint32_t>((words & 0xffU) != 0) |
         static_cast<std::uint32_t>((words & 0xff00U) != 0) << 1 |
         static_cast<std::uint32_t>((words & 0xff0000U) != 0) << 2 |
         static_cast<std::uint32_t>((words & 0xff000000U) != 0) << 3;
}
/// Word bits 8 * part to 8 * part + 7 as byte bits of that part.
[[nodiscard]] inline std::uint32_t word_bits_to_bytes(std::uint32_t words, std::uint32_t part) {
  std::uint32_t bytes = 0;
  for (std::uint32_t rest = words >> (8 * part) & 0xffU; rest != 0; rest &= rest - 1) {
    bytes |= 0xfU << (4 * std::countr_zero(rest));
  }
  return bytes;
}
/// A record of words as one of the bytes of a part; units 0: none of them.
[[nodiscard]] Access to_bytes(const Access& words, std::uint32_t part);

}  // namespace rackproof::emulator::check
