#pragma once
/// Asynchronous operations of one cluster that are under way: bulk copies, matrix operations, the
/// arrivals that follow them. The owner performs an operation, this part decides when.

#include "emulator/async/timing.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace rackproof::emulator::async {

class OperationQueue {
 public:
  /// Operations of one pipe take effect in order of issue; those of kUnordered in any order.
  using Pipe = std::uint32_t;
  static constexpr Pipe kUnordered = 0;
  /// Names one operation; later ones have higher numbers. 0: none.
  using Ticket = std::uint64_t;
  /// What an operation signals when it lands (an mbarrier), so that whoever waits for that demands
  /// the operation.
  using Signal = std::uint64_t;
  static constexpr Signal kNoSignal = ~std::uint64_t{0};

  OperationQueue(Ordering ordering, std::uint64_t seed) : ordering_(ordering), random_(seed) {}

  [[nodiscard]] bool empty() const { return pending_.empty(); }
  [[nodiscard]] Pipe add_pipe() { return ++pipes_; }

  /// `land` performs the operation: at once, or when its moment has come. It may issue others.
  Ticket issue(Pipe pipe, std::function<void()> land, Signal signal = kNoSignal);
  /// The operation lands, if it has not, after those before it in its pipe.
  void drain(Ticket ticket);
  /// All operations of a pipe so far land.
  void drain_pipe(Pipe pipe);
  void drain_all();
  /// Somebody waits for `signal` in vain: an operation that signals it has to land, soon.
  void demand(Signal signal);
  /// A scheduling step: whatever was drawn to land by now does.
  void step();
  /// Nothing else can progress: one operation lands. False: there is none.
  bool force();

 private:
  struct Operation {
    Ticket ticket = 0;
    Pipe pipe = kUnordered;
    Signal signal = kNoSignal;
    Moment moment = Moment::at_wait();
    std::function<void()> land;
  };
  void land_at(std::size_t index);

  Ordering ordering_;
  Random random_;
  Pipe pipes_ = kUnordered;
  Ticket next_ticket_ = 1;
  std::vector<Operation> pending_;  ///< in order of issue
};

}  // namespace rackproof::emulator::async
