#pragma once
/// One thread per process that steps the operations of all streams of all devices.

#include "emulator/engine/host_pages.hpp"
#include "emulator/engine/operation.hpp"
#include "emulator/engine/stream.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace rackproof::emulator::engine {

/// Grids of all ready streams advance together by a fixed quantum; when nothing can advance the
/// thread sleeps. Leaked on purpose: it outlives main().
class Executor {
 public:
  Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// Creates the streams of a device; the legacy default stream is made with the device.
  [[nodiscard]] Stream* create_stream(DeviceQueue& device, Stream::Kind kind, unsigned flags,
                                      int priority);
  /// The handle is invalid at once; the stream itself goes when its work is done.
  bool destroy_stream(Stream* stream);
  [[nodiscard]] bool is_stream(const Stream* stream);

  /// Appends in CUDA's order: after the stream's own work, and after what the legacy default
  /// stream's rules demand. Also after `extra` tickets. Does nothing on a faulted device.
  TicketPtr enqueue(Stream& stream, std::unique_ptr<Operation> operation,
                    std::vector<TicketPtr> extra = {});

  /// The program asks: a yes moves the host's virtual time to the ticket's.
  [[nodiscard]] bool is_done(const TicketPtr& ticket);
  /// The emulator asks for its own purposes; virtual time must not depend on the answer.
  [[nodiscard]] bool has_finished(const TicketPtr& ticket);
  /// Virtual end of a finished ticket; nullopt: not finished. Virtual time does not move.
  /// `order`: what the ticket's holder knew then.
  [[nodiscard]] std::optional<TimePs> end_of(const TicketPtr& ticket,
                                             check::OperationClock* order = nullptr);
  /// Marks a ticket of an operation's own (Operation::also_completes) done at `end`.
  void complete(const TicketPtr& ticket, TimePs end);
  /// Blocks; the host's virtual time then is not before the ticket's.
  void wait(const TicketPtr& ticket);
  /// Blocks without moving the host's virtual time.
  void await(const TicketPtr& ticket);
  /// The last operation of a stream (nullptr: none).
  [[nodiscard]] TicketPtr last(Stream& stream);
  /// Of all streams of a device that have had one, also of destroyed ones not known to be done.
  [[nodiscard]] std::vector<TicketPtr> last_of_all(DeviceQueue& device);
  /// Waits for all streams of a device.
  void drain(DeviceQueue& device);
  /// The program's own code knows what `order` knows: before a host function runs.
  void tell_host(const check::OperationOrder& order);
  /// The place of what the program's own code does now.
  [[nodiscard]] check::OperationOrder order_of_host();
  /// Says `problem` and makes it the device's sticky error.
  void fail_device(DeviceQueue& device, const std::string& problem);
  /// Which memory the program's own code is watched at while it cannot know all work done.
  [[nodiscard]] HostPages& host_pages() { return host_pages_; }
  /// Forgets a device's sticky error (cudaDeviceReset).
  void clear_fault(DeviceQueue& device);

  /// Runs `function` on a thread of its own, in order; calls wake() when it has returned.
  void run_host_function(std::function<void()> function);
  void wake();
  /// How long grids may poll without an answer while the host or another process could still give
  /// one; 0: for ever.
  void set_patience(std::chrono::seconds patience) { patience_ = patience; }
  /// From now on other processes may see and change memory of this one.
  void share_memory() { shares_memory_.store(true); }
  /// The time up to which the host has waited for devices.
  [[nodiscard]] TimePs host_time_ps() const { return host_time_ps_.load(); }

 private:
  void ensure_thread();
  void run();
  void host_worker();
  /// `primary`: what comes before it, if that has not ended.
  bool make_ready(Stream& stream, Operation& operation, const Operation* primary = nullptr) const;
  /// How many operations behind the stream's first one have begun before their turn, or do now.
  [[nodiscard]] std::size_t begin_early(Stream& stream) const;
  [[nodiscard]] bool step_early(std::unique_lock<std::mutex>& lock, Stream& stream,
                                Operation& operation, bool& is_stalled);
  void fail(DeviceQueue& device, const StepResult& result);
  void finish(Stream& stream, StepResult result);
  void block_until_done(std::unique_lock<std::mutex>& lock, const TicketPtr& ticket);
  [[nodiscard]] bool is_hopeless();
  void give_up(std::unique_lock<std::mutex>& lock, Stream* stream, const Operation* operation);
  [[nodiscard]] bool host_is_waiting() const;
  void complete_tickets(Operation& operation, TimePs end, const check::OperationClock& order);
  void drop_all(DeviceQueue& device);
  void reap(Stream& stream);
  void raise_host_time(TimePs time);
  void learn(const Ticket& ticket);

  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable completion_;
  std::unordered_set<Stream*> handles_;
  std::vector<Stream*> active_;  // streams with operations
  bool has_thread_ = false;
  bool is_woken_ = false;
  std::uint64_t next_stream_id_ = 1;
  std::atomic<TimePs> host_time_ps_{0};
  check::OperationClock host_order_;  ///< what the host knows to be done
  std::uint64_t host_accesses_ = 0;
  struct Unknown {
    const DeviceQueue* device = nullptr;
    TicketPtr last;
  };
  /// By stream, also destroyed ones: what the host does not know done.
  std::unordered_map<std::uint64_t, Unknown> unknown_;
  HostPages host_pages_;

  std::vector<const Ticket*> awaited_;  ///< by host threads, each blocked until its one is done
  std::chrono::seconds patience_{0};
  bool is_stalled_ = false;  ///< all that could run only poll
  std::chrono::steady_clock::time_point stalled_since_;
  std::chrono::steady_clock::time_point asked_at_;
  std::atomic<bool> shares_memory_{false};

  std::mutex host_mutex_;
  std::condition_variable host_work_;
  std::vector<std::function<void()>> host_functions_;
  bool has_host_worker_ = false;
};

}  // namespace rackproof::emulator::engine
