#pragma once
/// The CTAs of one cluster in flight: resident together, stepped by one thread. A grid without
/// clusters runs clusters of one CTA (PTX ISA 9.0, sections 2.2.2 and 5.1.6).

#include "emulator/async/operation_queue.hpp"
#include "emulator/check/cta_checker.hpp"
#include "emulator/exec/cta.hpp"
#include "emulator/exec/grid_context.hpp"
#include "emulator/exec/mbarrier_inits.hpp"
#include "emulator/exec/shared_uses.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rackproof::emulator::exec {

/// Who issued an asynchronous operation: for messages, and for the checks.
struct Issuer {
  Cta* cta = nullptr;
  std::uint32_t warp = 0;
  std::uint32_t lane = 0;
  std::uint32_t pc = 0;
};

class AsyncRecord;

class Cluster {
 public:
  /// `index` counts the grid's clusters as %clusterid does, x first.
  Cluster(GridContext& grid, std::uint64_t index);
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  /// Runs about `budget` warp instructions over all CTAs, in an order of its own; returns how many.
  /// The parameters are those of Cta::run.
  std::uint64_t run(GridContext& grid, std::uint64_t clock, std::uint64_t budget,
                    bool may_communicate);
  [[nodiscard]] bool at_gate() const { return at_gate_; }
  [[nodiscard]] bool idle() const { return idle_; }
  [[nodiscard]] bool finished() const { return ctas_left_ == 0; }
  /// Nothing else in the grid can progress: an asynchronous operation lands. False: there is none.
  bool force_operation();
  /// An asynchronous operation that one of its CTAs issued is under way.
  [[nodiscard]] bool has_operations() const;
  /// All CTAs have finished: what they left under way lands.
  void finish();
  /// See Cta::release_grid_control().
  void release_grid_control(std::uint32_t which);
  void watch(bool on);
  void restart_watch();
  /// While nobody changes memory it will go on as it has, for ever: see Warp::is_stalled().
  [[nodiscard]] bool is_stalled(std::uint32_t times) const;
  /// The last run() did nothing but wait and poll, and of memory only the cluster's shared.
  [[nodiscard]] bool polls_shared_memory_only() const;
  [[nodiscard]] std::uint64_t take_skipped_time();
  /// The CTA that ran last, for messages; the first one that waits, for reports of a deadlock.
  [[nodiscard]] Cta* running() const { return running_; }
  [[nodiscard]] std::string describe_waiting();

  // What CTAs and handlers use.
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(ctas_.size()); }
  [[nodiscard]] Cta& cta(std::uint32_t rank) { return *ctas_[rank]; }
  [[nodiscard]] async::OperationQueue& operations() { return operations_; }
  [[nodiscard]] async::Ordering ordering() const { return ordering_; }
  /// Queues an operation; `land` may throw FaultRaised, to which the issuer's place is added.
  async::OperationQueue::Ticket issue(
      const Issuer& issuer, async::OperationQueue::Pipe pipe, std::function<void()> land,
      async::OperationQueue::Signal signal = async::OperationQueue::kNoSignal);

  /// Host address of `bytes` at a shared::cluster address. Throws FaultRaised for `lane` if the CTA
  /// does not exist or has exited, or they lie outside its shared memory.
  [[nodiscard]] std::byte* shared_at(std::uint64_t address, std::uint64_t bytes, std::uint32_t lane,
                                     std::string_view what);

  /// `lane` of `warp` names the mbarrier at a shared::cluster address to an asynchronous operation:
  /// throws FaultRaised unless it is valid, and known to it.
  void check_barrier(Warp& warp, std::uint64_t address, std::uint32_t lane);
  /// An arrival on the mbarrier at a shared::cluster address, or transactions that complete on it,
  /// by an asynchronous operation. Throws FaultRaised.
  /// `record`, which may be nullptr, is what the checks know of the operation.
  void arrive(std::uint64_t address, std::uint32_t count,
              const std::shared_ptr<AsyncRecord>& record = nullptr);
  void complete_transactions(std::uint64_t address, std::uint32_t bytes,
                             const std::shared_ptr<AsyncRecord>& record);
  /// Matrix operations of one warp (an identifier of the caller's) that nobody has seen complete.
  [[nodiscard]] std::vector<std::shared_ptr<AsyncRecord>>& unfinished(std::uint32_t warp) {
    return unfinished_[warp];
  }
  [[nodiscard]] MbarrierInits& mbarrier_inits() { return mbarrier_inits_; }
  /// `lanes` of `warp` access the shared memory of another CTA.
  void note_use(Warp& warp, std::uint32_t lanes, const Cta& home);
  /// The last thread of a CTA exits. Throws FaultRaised if others may still use its shared memory.
  void check_exit(Cta& cta) const;
  /// Somebody saw a phase of the mbarrier at `address` complete.
  void see_phase(std::uint64_t address) {
    if (!unseen_.empty()) {
      end_seen(address);
    }
  }

  /// barrier.cluster: all threads that have not exited arrive, then wait (PTX ISA 9.7.13.4).
  void barrier_arrive(Warp& warp, std::uint32_t lanes, bool releases);
  void barrier_wait(Warp& warp, std::uint32_t lanes);
  /// Lanes ended: the barrier may complete.
  void lanes_exited(Warp& warp);

 private:
  /// barrier.cluster of one warp, lanes by state.
  struct Arrivals {
    std::uint32_t arrived = 0;  ///< in the phase under way
    std::uint32_t passed = 0;   ///< its phase is complete, and the wait still to come
  };
  std::uint64_t run_ctas(GridContext& grid, std::uint64_t clock, std::uint64_t budget,
                         bool may_communicate);
  void end_seen(std::uint64_t address);
  void complete_on(std::uint64_t address, const std::shared_ptr<AsyncRecord>& record);
  [[nodiscard]] Arrivals& arrivals(const Warp& warp);
  void complete_barrier();

  std::uint32_t warps_per_cta_;
  async::Ordering ordering_;
  async::Random random_;
  async::OperationQueue operations_;
  std::vector<std::unique_ptr<Cta>> ctas_;  ///< by rank; all live as long as the cluster
  std::vector<std::uint32_t> order_;
  std::size_t ctas_left_;
  Cta* running_ = nullptr;
  bool at_gate_ = false;
  bool idle_ = false;
  std::vector<Arrivals> arrivals_;  ///< by rank and warp; empty: no barrier was used
  check::Knowledge arriving_;       ///< of those that have arrived
  check::Knowledge released_;       ///< of the phase that is complete
  /// Operations that have landed and completed on an mbarrier whose phase nobody has seen yet.
  std::vector<std::pair<std::uint64_t, std::shared_ptr<AsyncRecord>>> unseen_;
  std::map<std::uint32_t, std::vector<std::shared_ptr<AsyncRecord>>> unfinished_;
  MbarrierInits mbarrier_inits_;
  SharedUses uses_;
  std::uint64_t phases_ = 0;                  ///< of barrier.cluster that are complete
  std::vector<std::uint64_t> waited_phases_;  ///< by rank: the last that a thread waited for
};

}  // namespace rackproof::emulator::exec
