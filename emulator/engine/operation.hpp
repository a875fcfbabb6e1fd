#pragma once
/// What streams hold: operations that the executor steps, and tickets that others wait on.

#include "emulator/check/operation_order.hpp"
#include "emulator/engine/collective_hook.hpp"

#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace rackproof::emulator::engine {

/// Completion of one operation. Guarded by the executor's mutex.
struct Ticket {
  bool is_done = false;
  TimePs end_time_ps = 0;
  check::OperationClock order;  ///< the operation and all that happened before it
};
using TicketPtr = std::shared_ptr<Ticket>;

struct StepResult {
  enum class State : std::uint8_t {
    waiting,     ///< nothing could be done now
    stalled,     ///< its grids poll what only somebody else can change
    progressed,  ///< did some work, more is left
    done,
    failed,  ///< the device is faulted from now on
  };
  State state = State::waiting;
  TimePs end_time_ps = 0;
  cudaError_t error = cudaSuccess;
  std::string problem;

  static StepResult waiting() { return {}; }
  static StepResult stalled() { return {State::stalled, 0, cudaSuccess, {}}; }
  static StepResult progressed() { return {State::progressed, 0, cudaSuccess, {}}; }
  static StepResult done(TimePs end) { return {State::done, end, cudaSuccess, {}}; }
  static StepResult failed(cudaError_t error, std::string problem) {
    return {State::failed, 0, error, std::move(problem)};
  }
};

/// One entry of a stream.
class Operation {
 public:
  Operation() = default;
  virtual ~Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  /// Called without locks, by one thread at a time, until it answers done or failed.
  /// `start` is the stream's virtual time when the operation became ready.
  virtual StepResult step(TimePs start) = 0;
  /// After step() answered stalled, when nobody is left who could help: why it failed.
  virtual StepResult give_up() { return StepResult::failed(cudaErrorLaunchTimeout, "deadlock"); }
  /// True if step() finishes in one short call: such operations may run on the calling thread.
  [[nodiscard]] virtual bool is_instant() const { return false; }
  /// A ticket besides the operation's own: done at the latest when the operation is, or is dropped.
  void also_completes(TicketPtr ticket) { further_tickets_.push_back(std::move(ticket)); }

  // Programmatic dependent launch (CUDA programming guide; PTX ISA 9.0, section 9.7.13.13).
  /// May begin before its turn, when what comes before it lets its dependents begin.
  [[nodiscard]] virtual bool is_programmatic() const { return false; }
  /// Its dependents need not follow it: it has let them begin, whether or not anybody made use of
  /// that; and it did so before it had itself waited for what comes before it.
  [[nodiscard]] virtual bool has_triggered() const { return false; }
  [[nodiscard]] virtual bool has_triggered_before_wait() const { return false; }
  /// Its dependents are to begin now.
  [[nodiscard]] virtual bool starts_dependents() const { return false; }
  /// A dependent stands in line; tells an operation that is still to begin that what comes before
  /// it has not ended; and that it has.
  virtual void expect_dependents() {}
  virtual void begin_early() {}
  virtual void end_prerequisite() {}

  /// For operations that no stream holds, but an operation of a stream.
  void place(check::OperationOrder order) { order_ = std::move(order); }

  /// True if host code ran in it: host and operation then know what the other knows.
  [[nodiscard]] virtual bool meets_host() const { return false; }

  /// Its place among the operations of all streams; complete when step() is called.
  [[nodiscard]] const check::OperationOrder& order() const { return order_; }

 protected:
  /// More happened before what it goes on to do.
  void learn(const check::OperationClock& earlier) { order_.before.join(earlier); }

 private:
  friend class Executor;
  TicketPtr ticket_ = std::make_shared<Ticket>();
  std::vector<TicketPtr> further_tickets_;
  std::vector<TicketPtr> dependencies_;
  check::OperationOrder order_;
  TimePs earliest_ps_ = 0;         // the host's virtual time when it was enqueued
  TimePs start_ps_ = -1;           // -1: not ready yet
  bool is_claimed_ = false;        // runs on the thread that enqueued it
  std::uint32_t turns_ahead_ = 0;  // in a row, of one that began early
};

}  // namespace rackproof::emulator::engine
