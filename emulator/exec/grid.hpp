#pragma once
/// Runs one grid of a decoded kernel, a quantum at a time, so that grids of several streams and
/// devices progress together under one deterministic scheduler.

#include "emulator/async/timing.hpp"
#include "emulator/check/operation_order.hpp"
#include "emulator/exec/counters.hpp"
#include "emulator/exec/program.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace rackproof::emulator::memory {
class AddressSpace;
}

namespace rackproof::emulator::check {
class Detector;
}

namespace rackproof::emulator::exec {

struct Dim3 {
  std::uint32_t x = 1, y = 1, z = 1;
  [[nodiscard]] std::uint64_t count() const { return std::uint64_t{x} * y * z; }
};

/// Which errors the executor looks for; all on by default (EMULATOR_CHECKS).
struct Checks {
  bool bounds = true;           ///< outside any allocation, use after free, misaligned, peers
  bool shared_init = true;      ///< reads of shared memory nobody wrote
  bool races = true;            ///< accesses that nothing orders, one of them a write
  bool synchronisation = true;  ///< misused barriers and warp-wide instructions
  bool host = true;             ///< what the program's own code does to managed memory meanwhile
};

/// What griddepcontrol.wait waits for: all that was launched before the grid.
struct Prerequisite {
  bool is_complete = false;
};

struct LaunchConfig {
  Dim3 grid;
  Dim3 block;
  Dim3 cluster;  ///< {1,1,1}: none; divides the grid
  /// {0,0,0}, or a multiple of `cluster` that divides the grid and that some launches use instead.
  Dim3 preferred_cluster{0, 0, 0};
  bool explicit_cluster = false;  ///< a cluster was named: %is_explicit_cluster
  bool cooperative = false;       ///< the grid may synchronise: %envreg1 and 2 name its workspace
  std::uint32_t dynamic_shared_bytes = 0;
  std::vector<std::byte> parameters;  ///< laid out as the kernel's .param block
  std::uint32_t resident_blocks = 0;  ///< occupancy x SMs: how many CTAs are on the device at once
  std::uint32_t multiprocessors = 0;
  int device = 0;
  bool steals_clusters = true;  ///< clusterlaunchcontrol.try_cancel takes the next; else never one
  std::uint64_t seed = 0;
  async::Ordering ordering = async::Ordering::random;  ///< of what is asynchronous
  std::uint32_t threads = 1;  ///< host threads that may run CTAs side by side
  std::uint64_t peers = 0;    ///< bit d: this device may access plain allocations of device d
  Checks checks;
  double clock_hz = 0;                  ///< rate of %clock64
  std::uint64_t start_ns = 0;           ///< %globaltimer when the grid starts
  check::Detector* detector = nullptr;  ///< shared by all grids; nullptr: one for this grid alone
  check::OperationOrder order;          ///< of the grid among the operations of all streams
  /// Of a grid that began before its turn (a programmatic launch); nullptr: it did not.
  std::shared_ptr<const Prerequisite> prerequisite;
};

/// A kernel did something that a GPU would not survive, or that no kernel should do.
struct Fault {
  enum class Kind : std::uint8_t {
    illegal_address,
    use_after_free,
    misaligned_address,
    undefined_value,
    race,
    illegal_instruction,
    trap,
    assertion,
    deadlock,
    stack_overflow,
  };
  Kind kind = Kind::illegal_address;
  /// One line: kernel, PTX line, CUDA file:line, CTA, thread and what was wrong.
  std::string message;
};

/// stalled: all CTAs that fit only poll memory that the grid itself no longer changes, or wait for
/// their prerequisite. It may go on when somebody else does; the next step() finds out.
enum class GridState : std::uint8_t { running, stalled, finished, faulted };

/// One launch in progress; the engine steps it from one thread. CTAs run in rounds: a parallel
/// phase, in which each runs on any host thread up to the first instruction by which CTAs
/// communicate, and a serial phase, in which those that stand at one go on in a fixed order. So the
/// result does not depend on the number of threads, for kernels without data races.
class GridExecution {
 public:
  /// `program` and `addresses` must outlive the execution.
  GridExecution(const Program& program, std::size_t kernel_index, LaunchConfig config,
                memory::AddressSpace& addresses);
  ~GridExecution();
  GridExecution(const GridExecution&) = delete;
  GridExecution& operator=(const GridExecution&) = delete;

  /// Runs whole rounds of the resident CTAs until `warp_instructions` are executed.
  GridState step(std::uint64_t warp_instructions);
  [[nodiscard]] const GridCounters& counters() const;
  [[nodiscard]] const std::optional<Fault>& fault() const;
  /// All CTAs have executed griddepcontrol.launch_dependents or exited, some the former: grids that
  /// depend on this one may begin (PTX ISA 9.0, section 9.7.13.13).
  [[nodiscard]] bool has_triggered() const;
  /// Some did so before they had waited for this grid's own prerequisite.
  [[nodiscard]] bool has_triggered_before_wait() const;
  /// Threads stay at launch_dependents until all CTAs are there, or nothing else can go on, and
  /// step() returns then: what depends on the grid is to begin at once. Off once they left.
  void hold_at_trigger();
  /// A stalled grid faults: its caller knows that nobody else will change what it polls.
  void give_up();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rackproof::emulator::exec
