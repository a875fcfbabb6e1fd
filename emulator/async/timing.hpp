#pragma once
/// When an asynchronous operation takes effect: at a legal moment that the program did not choose.
///
/// Between its issue and the wait that orders it, an operation may land at any time. Landing at
/// once hides a missing wait and landing always at the wait hides a source that is overwritten too
/// early, so a seeded generator draws the moment of each operation.

#include <cstdint>

namespace rackproof::emulator::async {

/// A small deterministic generator (splitmix64: Steele, Lea, Flood, OOPSLA 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  /// Uniform in [0, bound), bound > 0; the bias of the modulo does not matter here.
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(next() % bound); }

 private:
  std::uint64_t state_;
};

/// When asynchronous operations take effect (RACKPROOF_EMULATOR_ORDERING).
enum class Ordering : std::uint8_t {
  eager,   ///< at issue
  late,    ///< when a wait demands it, or nothing else can progress
  random,  ///< at moments drawn between the two
};

/// How long one operation lingers.
class Moment {
 public:
  /// `random`: half of the operations stay pending until they are waited for; the others land after
  /// a number of scheduling steps below `max_steps`, 0 meaning at once.
  static Moment draw(Ordering ordering, Random& random, std::uint32_t max_steps) {
    if (ordering != Ordering::random) {
      return Moment(ordering == Ordering::eager ? 0 : kNever);
    }
    const bool late = (random.next() & 1) != 0;
    return Moment(late ? kNever : random.below(max_steps));
  }
  static Moment at_wait() { return Moment(kNever); }
  /// One scheduling step went by: true if the operation lands now.
  bool step() {
    if (remaining_ == kNever) {
      return false;
    }
    return remaining_ == 0 || --remaining_ == 0;
  }
  [[nodiscard]] bool immediate() const { return remaining_ == 0; }

 private:
  static constexpr std::uint32_t kNever = 0xffffffff;
  explicit Moment(std::uint32_t remaining) : remaining_(remaining) {}
  std::uint32_t remaining_;
};

}  // namespace rackproof::emulator::async
