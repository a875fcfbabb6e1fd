#pragma once
/// The mbarrier object: what the 64 bits in shared memory mean (PTX ISA 9.0, section 9.7.13.15).
/// Its layout is opaque to programs; this one is the emulator's own.

#include <cstdint>

namespace rackproof::emulator::async {

class Mbarrier {
 public:
  static constexpr std::uint32_t kMaximumCount = (1U << 20) - 1;
  static constexpr std::int64_t kMaximumTransactions = (1 << 20) - 1;

  /// Phase 0, expecting `count` arrivals, 1 to kMaximumCount.
  static Mbarrier initialised(std::uint32_t count) {
    Mbarrier barrier(0);
    barrier.expected_ = count;
    barrier.pending_ = count;
    barrier.transactions_ = 0;
    barrier.valid_ = true;
    return barrier;
  }
  explicit Mbarrier(std::uint64_t word)
      : expected_(static_cast<std::uint32_t>(word & kMaximumCount)),
        pending_(static_cast<std::uint32_t>(word >> 20 & kMaximumCount)),
        transactions_(static_cast<std::int64_t>(word >> 40 & kTransactionMask) - kTransactionBias),
        parity_((word >> 61 & 1) != 0),
        valid_(word >> 62 == kValid) {}
  [[nodiscard]] std::uint64_t word() const {
    return expected_ | std::uint64_t{pending_} << 20 |
           static_cast<std::uint64_t>(transactions_ + kTransactionBias) << 40 |
           static_cast<std::uint64_t>(parity_) << 61 | (valid_ ? kValid << 62 : 0);
  }

  [[nodiscard]] bool valid() const { return valid_; }
  [[nodiscard]] bool parity() const { return parity_; }
  [[nodiscard]] std::uint32_t pending() const { return pending_; }
  [[nodiscard]] std::uint32_t expected() const { return expected_; }
  [[nodiscard]] std::int64_t transactions() const { return transactions_; }
  /// Nobody has arrived in this phase, and no transaction is expected.
  [[nodiscard]] bool at_start() const { return pending_ == expected_ && transactions_ == 0; }

  /// False: nothing changed, because the counts would leave their range.
  bool arrive(std::uint32_t count) {
    if (count > pending_) {
      return false;
    }
    pending_ -= count;
    return true;
  }
  /// Lowers the count of this and of all later phases.
  bool drop(std::uint32_t count) {
    if (count > pending_ || count > expected_) {
      return false;
    }
    expected_ -= count;
    pending_ -= count;
    return true;
  }
  /// cp.async.mbarrier.arrive without .noinc announces its arrival.
  bool add_pending() {
    if (pending_ == kMaximumCount) {
      return false;
    }
    ++pending_;
    return true;
  }
  bool expect(std::int64_t transactions) {
    const std::int64_t sum = transactions_ + transactions;
    if (sum > kMaximumTransactions || sum < -kMaximumTransactions) {
      return false;
    }
    transactions_ = sum;
    return true;
  }
  /// Nobody is missing: the next phase begins. Returns whether it did.
  bool advance_if_complete() {
    if (pending_ != 0 || transactions_ != 0) {
      return false;
    }
    parity_ = !parity_;
    pending_ = expected_;
    return true;
  }

 private:
  static constexpr std::uint64_t kTransactionMask = (1 << 21) - 1;
  static constexpr std::int64_t kTransactionBias = 1 << 20;
  static constexpr std::uint64_t kValid = 2;

  std::uint32_t expected_;
  std::uint32_t pending_;
  std::int64_t transactions_;
  bool parity_;
  bool valid_;
};

}  // namespace rackproof::emulator::async
