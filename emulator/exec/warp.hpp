#pragma once
/// A warp: registers of 32 lanes and the groups of lanes that share a program counter.
///
/// Groups run lowest program counter first and merge where they meet; a group that runs long while
/// others are ready is put aside, so that one that spins cannot starve what it waits for (PTX ISA:
/// independent thread scheduling).

#include "emulator/async/bulk_groups.hpp"
#include "emulator/async/copy_queue.hpp"
#include "emulator/exec/aligned_buffer.hpp"
#include "emulator/exec/counters.hpp"
#include "emulator/exec/decoded_kernel.hpp"
#include "emulator/exec/divergent_barrier.hpp"
#include "emulator/exec/op.hpp"
#include "emulator/exec/poll_log.hpp"
#include "emulator/exec/taint.hpp"
#include "emulator/exec/wgmma.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace rackproof::emulator::exec {

class Cta;

/// Where a called function returns to; shared by the groups that split inside it.
struct CallFrame {
  std::shared_ptr<const CallFrame> parent;
  std::uint32_t return_pc = 0;
  std::uint32_t frame_base = 0;
  std::uint32_t local_base = 0;
  std::uint32_t local_top = 0;
  std::uint32_t callee = 0;
  const CallSite* site = nullptr;
  std::uint32_t depth = 0;
};
[[nodiscard]] bool same_frames(const CallFrame* x, const CallFrame* y);

struct Group {
  enum class State : std::uint8_t { ready, at_warp_sync, at_barrier };
  std::uint32_t mask = 0;
  std::uint32_t pc = 0;
  std::uint32_t frame_base = 0;
  std::uint32_t local_base = 0;
  /// alloca: the end of local memory in use; 0: that of the function's own variables.
  std::uint32_t local_top = 0;
  std::shared_ptr<const CallFrame> caller;
  State state = State::ready;
  std::uint32_t barrier = 0;       ///< at_barrier: which one
  Ref barrier_result = kNoRef;     ///< at_barrier: where bar.red writes
  std::uint32_t sync_members = 0;  ///< at_warp_sync: lanes it waits for
  bool meets_anywhere = false;     ///< at_warp_sync: in bar.warp.sync
  std::uint64_t last_run = 0;
  std::uint32_t ran = 0;  ///< instructions since it was last put aside
};

[[nodiscard]] inline std::uint32_t call_depth(const Group& group) {
  return group.caller ? group.caller->depth : 0;
}

class Warp : public LaneContext {
 public:
  Warp(Cta& cta, std::uint32_t index, std::uint32_t lanes_present);

  /// Runs at most `budget` instructions; returns how many. 0: every group waits.
  std::uint32_t run(std::uint32_t budget);
  [[nodiscard]] bool finished() const { return live_ == 0; }
  [[nodiscard]] bool runnable() const;
  /// The last run() ended in nanosleep or a polling loop.
  [[nodiscard]] bool yielded() const { return yielded_; }

  // What handlers use.
  [[nodiscard]] Cta& cta() { return *cta_; }
  [[nodiscard]] std::uint32_t index() const { return index_; }
  [[nodiscard]] std::uint32_t live() const { return live_; }
  [[nodiscard]] std::uint32_t present() const { return present_; }
  [[nodiscard]] std::uint32_t mask() const { return mask_; }
  [[nodiscard]] std::uint32_t pc() const { return pc_; }  ///< of the next instruction
  [[nodiscard]] const DecodedKernel& kernel() const { return *kernel_; }
  [[nodiscard]] Group& current() { return groups_[current_]; }
  [[nodiscard]] const std::vector<Group>& groups() const { return groups_; }
  [[nodiscard]] async::CopyQueue& copies() { return copies_; }
  [[nodiscard]] WgmmaPipe& wgmma() { return wgmma_; }
  /// All frames; base[0] is that of the current group.
  [[nodiscard]] std::byte* registers() { return registers_.data(); }
  [[nodiscard]] const std::byte* registers() const { return registers_.data(); }
  [[nodiscard]] async::BulkGroups& bulk_groups() { return bulk_groups_; }
  /// What cp.async has under way goes on, whether or not the warp itself can run.
  void step_copies();
  [[nodiscard]] std::byte* local_memory(std::uint32_t lane) const;
  [[nodiscard]] std::uint32_t local_bytes() const { return local_bytes_; }

  /// Instructions of the present run() that the grid has not counted yet.
  [[nodiscard]] std::uint32_t executed() const { return executed_; }

  void branch(std::uint32_t target, std::uint32_t taken, bool spin);
  void exit_lanes(std::uint32_t lanes);
  void call(const CallSite& site, const FunctionCode& callee, std::uint32_t lanes);
  void return_lanes(std::uint32_t lanes);
  /// The end of the current group's local memory; what alloca takes begins there.
  [[nodiscard]] std::uint32_t local_top() const;
  /// Throws FaultRaised if a thread cannot have so much.
  void set_local_top(std::uint32_t top);
  /// Moves `lanes` of the current group to a new one at `pc`; the rest goes on. Reselects.
  Group& split(std::uint32_t lanes, std::uint32_t pc);
  /// True if every live lane of each active lane's `members` row is among `active`. Otherwise those
  /// that must wait are put aside (at the current instruction) and the result is the mask of lanes
  /// that may execute now, possibly 0.
  [[nodiscard]] std::uint32_t gather(const std::uint32_t* members, std::uint32_t active);
  /// bar.warp.sync: also met by lanes that wait at another bar.warp.sync for the same members.
  [[nodiscard]] std::uint32_t gather_anywhere(const std::uint32_t* members, std::uint32_t active);
  /// `lanes` come to an aligned barrier. Throws FaultRaised where others of the warp wait at
  /// another.
  void arrive_aligned(std::uint32_t lanes);
  /// Lanes write; throws FaultRaised if that shows that an aligned barrier was in divergent code.
  void note_write(std::uint32_t lanes) {
    if (divergent_) [[unlikely]] {
      check_divergent_write(lanes);
    }
  }
  /// Puts `lanes` of the current group to sleep until release(barrier).
  void wait_at_barrier(std::uint32_t lanes, std::uint32_t barrier, Ref result);
  /// The results of the instruction that executes are worth nothing for `lanes`: see Taint.
  void taint(std::uint32_t lanes, std::string origin);
  /// Each of `lanes` gets the value of lane from[lane].
  void taint_shuffled(const std::array<std::uint32_t, kWarpSize>& from, std::uint32_t lanes) {
    if (taint_) [[unlikely]] {
      taint_->shuffle(*kernel_->source[pc_ - 1], from, lanes);
    }
  }
  [[nodiscard]] const Taint* taint() const { return taint_.get(); }
  void release_barrier(std::uint32_t barrier, bool value, std::uint32_t count, bool is_count);
  /// The present instruction has to wait for others: it comes again in the next turn.
  void repeat();
  /// The other warps of the CTA have their turn: on hardware, too, all see a phase end before the
  /// next one can, and programs rely on that.
  void end_turn() {
    turn_over_ = true;
    limit_ = 0;
  }
  [[nodiscard]] std::uint32_t lanes_at_barrier(std::uint32_t barrier) const;
  void yield() {
    yielded_ = true;
    limit_ = 0;
  }
  /// The current instruction asks for a phase of the mbarrier at `address` that is not over.
  void note_poll(std::uint64_t address) {
    poll_address_ = address;
    poll_pc_ = pc_ - 1;
  }
  void end_poll() { poll_pc_ = 0; }
  [[nodiscard]] bool polls(std::uint64_t address) const {
    return yielded_ && poll_pc_ != 0 && poll_address_ == address;
  }
  /// Where the mbarrier was asked for that a polling warp waits for; `otherwise` if for none.
  [[nodiscard]] std::uint32_t polled_at(std::uint32_t otherwise) const {
    return poll_pc_ != 0 ? poll_pc_ : otherwise;
  }
  /// "mbarrier 0x400 (phase 1, 2 of 3 arrivals and 64 bytes to come)".
  [[nodiscard]] std::string describe_poll() const;  ///< ops_mbarrier.cpp
  /// The last run() went beyond the cluster's own memory.
  [[nodiscard]] bool passed_gate() const { return passed_gate_; }
  void pass_gate() { passed_gate_ = true; }
  /// The present run() ends before the instruction behind the gate.
  void stop_at_gate();
  [[nodiscard]] bool stopped() const { return stopped_; }
  /// A loop that only reads the clock goes round: nobody would notice if more time had passed.
  void let_time_pass();
  /// Keeps a log of what it polls from now on, or no longer.
  void watch(bool on);
  /// nullptr: not watched.
  [[nodiscard]] PollLog* polls() const { return polls_.get(); }
  /// While nobody changes memory it will go on for ever as it has: each group that can run came
  /// back to a state `times` times, the others wait.
  [[nodiscard]] bool is_stalled(std::uint32_t times) const;
  /// Counts go there from now on.
  void count_in(GridCounters& counters) { counters_ = &counters; }

 private:
  /// Enters the group whose turn it is. False: all wait.
  bool select();
  void enter(std::size_t index);
  /// Notes where the current group stands, unless a handler has done so.
  void leave();
  [[nodiscard]] std::size_t merge(std::size_t index);
  void remove(std::size_t index);
  void execute(std::uint32_t budget);
  void drop_current();
  void check_divergent_write(std::uint32_t lanes);
  [[nodiscard]] std::uint64_t state_at(std::uint32_t target, std::uint32_t lanes) const;
  void grow(std::uint32_t register_bytes, std::uint32_t local_bytes);
  void copy_argument(std::byte* caller, std::byte* callee, const CallSite::Argument& argument,
                     const FrameVariable& formal, std::uint32_t lanes, bool is_return) const;

  Cta* cta_;
  const DecodedKernel* kernel_;
  GridCounters* counters_;
  std::uint32_t index_;
  std::uint32_t present_;
  std::uint32_t live_;
  std::uint32_t mask_ = 0;
  std::uint32_t pc_ = 0;
  std::uint32_t limit_ = 0;  ///< another group has its turn when pc_ reaches it
  std::size_t current_ = 0;
  bool inside_ = false;    ///< mask_ and pc_ are ahead of those in groups_
  bool is_alone_ = false;  ///< no other group when it was entered
  bool yielded_ = false;
  bool passed_gate_ = false;
  bool turn_over_ = false;
  std::uint32_t poll_pc_ = 0;
  std::uint64_t poll_address_ = 0;
  bool stopped_ = false;
  bool rotate_ = false;
  std::uint64_t tick_ = 0;
  std::uint64_t flops_ = 0;
  std::uint32_t executed_ = 0;
  std::uint64_t executed_before_ = 0;  ///< in former runs
  struct ClockLoop {
    std::uint64_t last = 0;    ///< instructions of the warp when it went round last
    std::uint64_t length = 0;  ///< and since the time before
    std::uint64_t step = 0;    ///< clocks to pass
  };
  ClockLoop clock_loop_;
  std::uint32_t entered_at_ = 0;  ///< executed_ when the current group was entered
  std::vector<Group> groups_;
  AlignedBuffer registers_;
  AlignedBuffer local_;
  std::uint32_t local_bytes_ = 0;
  async::CopyQueue copies_;
  WgmmaPipe wgmma_;
  async::BulkGroups bulk_groups_;
  std::unique_ptr<Taint> taint_;  ///< only while something is tainted
  std::unique_ptr<PollLog> polls_;
  std::unique_ptr<DivergentBarrier> divergent_;
};

}  // namespace rackproof::emulator::exec
