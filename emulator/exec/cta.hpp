#pragma once
/// One CTA in flight: its warps, shared memory and barriers.

#include "emulator/async/timing.hpp"
#include "emulator/check/cta_checker.hpp"
#include "emulator/exec/grid.hpp"
#include "emulator/exec/grid_context.hpp"
#include "emulator/exec/tensor_core.hpp"
#include "emulator/exec/warp.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace rackproof::emulator::exec {

class Cluster;

/// Where barrier.cluster counts among the barriers of a warp, whose own are 0 to 15.
inline constexpr std::uint32_t kClusterBarrier = 16;
/// Where griddepcontrol.wait and .launch_dependents do.
inline constexpr std::uint32_t kGridWait = 17;
inline constexpr std::uint32_t kGridTrigger = 18;

enum class BarrierReduction : std::uint8_t { none, popc, and_, or_ };

/// Registers that setmaxnreg moves, in registers a thread of a warp.
struct RegisterPool {
  std::uint32_t free = 0;
  std::vector<std::uint32_t> of_warp;  ///< empty: nobody has moved any
};

class Cta {
 public:
  /// `rank`: %cluster_ctarank.
  Cta(Cluster& cluster, std::uint32_t rank, GridContext& grid, std::uint64_t linear_index);

  /// Runs about `budget` warp instructions over all warps; returns how many. 0: nothing can run.
  /// Counts go to `grid`, which is the caller's alone for the time; `clock` is the grid's clock.
  std::uint64_t run(GridContext& grid, std::uint64_t clock, std::uint64_t budget,
                    bool may_communicate);
  /// The last run() ended at an instruction by which CTAs communicate, and was not allowed to.
  [[nodiscard]] bool at_gate() const { return at_gate_; }
  [[nodiscard]] bool may_communicate() const { return may_communicate_; }
  /// Warp instructions of the grid so far, as this CTA sees them.
  [[nodiscard]] std::uint64_t clock() const { return clock_ + skipped_; }
  /// Clocks that pass without instructions, as this CTA sees them until it hands them over.
  void let_time_pass(std::uint64_t clocks) { skipped_ += clocks; }
  [[nodiscard]] std::uint64_t take_skipped_time() { return std::exchange(skipped_, 0); }
  [[nodiscard]] bool finished() const { return warps_left_ == 0; }
  /// All that ran in the last run() were polling or sleeping.
  [[nodiscard]] bool idle() const { return idle_; }
  /// The last run() did nothing but wait and poll, and of memory only the cluster's shared.
  [[nodiscard]] bool polls_shared_memory_only() const;
  /// A copy or a multiplication of one of its warps is under way.
  [[nodiscard]] bool has_copies() const;
  /// Nothing else can progress: an arrival behind copies comes. False: there is none.
  bool force_copy();
  /// Somebody waits for the mbarrier at this shared address in vain.
  void demand_copies(std::uint32_t address);
  /// "warp 0 lanes 0xffffffff at barrier 1 (PTX line 12), ...": for the deadlock report.
  [[nodiscard]] std::string describe_waiting() const;
  /// "thread (5,0,0) of CTA (1,0,0) at PTX line 12 (mbarrier.init)".
  [[nodiscard]] std::string describe_thread(std::uint32_t warp, std::uint32_t lane,
                                            std::uint32_t pc) const;

  void watch(bool on);
  /// Of a watched CTA: see Warp::is_stalled().
  [[nodiscard]] bool is_stalled(std::uint32_t times) const;
  /// Counts repeated states anew.
  void restart_watch();

  // What warps and handlers use.
  [[nodiscard]] GridContext& grid() { return *grid_; }
  [[nodiscard]] Cluster& cluster() { return *cluster_; }
  [[nodiscard]] std::uint32_t rank() const { return rank_; }
  [[nodiscard]] std::uint32_t cluster_size() const;
  [[nodiscard]] std::uint32_t warps() const { return static_cast<std::uint32_t>(warps_.size()); }
  [[nodiscard]] Warp& warp(std::uint32_t index) { return *warps_[index]; }
  /// The constants of the kernel, addresses of shared variables being those of this CTA.
  [[nodiscard]] std::byte* constants() const;
  [[nodiscard]] const Dim3& id() const { return id_; }
  [[nodiscard]] std::uint64_t linear_index() const { return linear_index_; }
  [[nodiscard]] std::uint32_t threads() const { return threads_; }
  /// Shared addresses run from shared_base() to shared_end(), with the CTA's rank above bit 24 in
  /// both: the window of the CTA in those of its cluster.
  [[nodiscard]] std::uint32_t shared_end() const { return shared_end_; }
  [[nodiscard]] std::uint32_t shared_base() const { return shared_base_; }
  /// Bytes of shared memory, with those before shared_base().
  [[nodiscard]] std::uint32_t shared_bytes() const;
  /// Host address of a shared address of this CTA.
  [[nodiscard]] std::byte* shared_at(std::uint64_t address) {
    return shared_.data() + (address - shared_window_);
  }
  /// What a host address of its shared memory is above the shared address.
  [[nodiscard]] std::uint64_t shared_bias() const {
    return reinterpret_cast<std::uintptr_t>(shared_.data()) - shared_window_;
  }
  /// The shared address of the first byte.
  [[nodiscard]] std::uint32_t shared_window() const { return shared_window_; }
  [[nodiscard]] RegisterPool& register_pool() { return register_pool_; }
  /// Made at the first tcgen05 instruction.
  [[nodiscard]] TensorCore& tensor_core() {
    if (!tensor_core_) {
      tensor_core_ = std::make_unique<TensorCore>();
    }
    return *tensor_core_;
  }
  [[nodiscard]] check::CtaChecker* checker() { return checker_ ? &*checker_ : nullptr; }
  [[nodiscard]] async::Random& random() { return random_; }
  [[nodiscard]] Warp* running() { return running_; }

  /// bar.sync/red: true if `lanes` of `warp` complete the barrier; else they sleep. `expected` in
  /// threads, 0: all of the CTA. `result`: where bar.red writes.
  void barrier_sync(Warp& warp, std::uint32_t lanes, std::uint32_t barrier, std::uint32_t expected,
                    BarrierReduction reduction, std::uint32_t predicate, Ref result);
  void barrier_arrive(Warp& warp, std::uint32_t lanes, std::uint32_t barrier,
                      std::uint32_t expected);
  /// Lanes ended: barriers that waited for them may complete.
  void lanes_exited(Warp& warp);
  /// griddepcontrol.launch_dependents, by a thread of the CTA or, `exits`, by its end.
  void trigger_dependents(bool exits);
  /// griddepcontrol.wait was passed.
  void note_grid_wait() { has_waited_for_grids_ = true; }
  /// All threads that stand at kGridWait or kGridTrigger go on.
  void release_grid_control(std::uint32_t which);

 private:
  struct Barrier {
    std::vector<std::uint32_t> arrived;  ///< lanes by warp; empty: idle
    std::uint32_t expected = 0;
    std::uint32_t repeated = 0;  ///< threads of warps that have arrived again since
    BarrierReduction reduction = BarrierReduction::none;
    std::uint32_t count = 0;
    bool all = true;
    bool any = false;
    check::BarrierClock clock;
  };
  void arrive(Warp& warp, std::uint32_t lanes, std::uint32_t index, std::uint32_t expected);
  [[nodiscard]] bool complete(const Barrier& barrier) const;
  void release(std::uint32_t index);
  void check_tensor_memory() const;

  Cluster* cluster_;
  std::uint32_t rank_;
  GridContext* grid_;
  std::uint64_t linear_index_;
  Dim3 id_;
  std::uint32_t threads_;
  std::uint32_t warps_left_ = 0;
  std::uint32_t shared_window_ = 0;  ///< address of the first byte
  std::uint32_t shared_base_ = 0;
  std::uint32_t shared_end_ = 0;
  bool idle_ = false;
  bool may_communicate_ = false;
  bool at_gate_ = false;
  std::uint64_t clock_ = 0;
  std::uint64_t skipped_ = 0;
  // Where the round over all warps stands, which a gate may interrupt.
  std::size_t turn_ = 0;
  std::uint64_t round_ = 0;
  bool all_yielded_ = true;
  async::Random random_;
  AlignedBuffer shared_;
  std::optional<check::CtaChecker> checker_;
  std::vector<std::unique_ptr<Warp>> warps_;
  std::vector<std::uint32_t> order_;
  std::vector<Barrier> barriers_;    ///< as far as they are used
  Barrier idle_barrier_;             ///< its memory is for the next one that opens
  std::uint32_t open_barriers_ = 0;  ///< that somebody arrived at
  Warp* running_ = nullptr;
  RegisterPool register_pool_;
  std::unique_ptr<TensorCore> tensor_core_;
  bool has_triggered_ = false;
  bool has_waited_for_grids_ = false;
};

}  // namespace rackproof::emulator::exec
