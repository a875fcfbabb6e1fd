#include "emulator/exec/grid.hpp"

#include "emulator/exec/cluster.hpp"
#include "emulator/exec/cluster_queue.hpp"
#include "emulator/exec/cluster_slot.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/grid_checks.hpp"
#include "emulator/exec/grid_context.hpp"
#include "emulator/exec/grid_workspace.hpp"
#include "emulator/exec/places.hpp"
#include "emulator/exec/program_impl.hpp"
#include "emulator/exec/rank_constants.hpp"
#include "emulator/exec/stall_report.hpp"
#include "emulator/exec/stall_watch.hpp"
#include "emulator/exec/worker_pool.hpp"

#include <algorithm>
#include <deque>
#include <exception>
#include <utility>

namespace rackproof::emulator::exec {
namespace {

// Warp instructions that a turn of a CTA has in the parallel phase, and in the serial phase, where
// the others wait for it.
constexpr std::uint64_t kParallelQuantum = 8192;
constexpr std::uint64_t kSerialQuantum = 1024;
// CTAs in flight at first. More join whenever those in flight only poll or sleep, and not for what
// they issued themselves, up to the number that the device holds; so a grid that synchronises with
// itself makes progress, and one that does not keeps a small working set.
constexpr std::size_t kInitialWindow = 4;
// Without polling, another CTA joins after this many rounds.
constexpr std::uint64_t kRoundsPerJoin = 32;
// Small CTAs follow each other in one turn; a grid has many turns all the same.
constexpr std::uint64_t kMostCtasPerTurn = 32;
constexpr std::uint64_t kTurnsPerGrid = 64;
// A parallel phase shorter than this is over before another thread has begun.
constexpr std::uint64_t kWorthwhile = 2000;

}  // namespace

class GridExecution::Impl {
 public:
  Impl(const Program& program, std::size_t kernel_index, LaunchConfig config,
       memory::AddressSpace& addresses)
      : random_(config.seed) {
    const Program::Impl& decoded = program.impl();
    decoded_ = decoded.decoded(kernel_index);
    grid_.kernel = decoded_.get();
    grid_.module = decoded.module.get();
    grid_.architecture = decoded.architecture;
    grid_.generation = decoded.architecture >= 120  ? tensor::Generation::rtx_blackwell
                       : decoded.architecture >= 90 ? tensor::Generation::hopper
                       : decoded.architecture >= 89 ? tensor::Generation::ada
                                                    : tensor::Generation::ampere;
    grid_.config = std::move(config);
    grid_.config.parameters.resize(std::max<std::size_t>(
        grid_.config.parameters.size(), program.kernel(kernel_index).parameter_bytes));
    grid_.addresses = &addresses;
    if (grid_.config.cooperative) {
      workspace_.emplace(addresses, grid_.config.device);
      grid_.workspace = workspace_->address();
    }
    awaits_ = grid_.awaits_prerequisite();
    if (grid_.config.checks.races) {
      checks_.begin(grid_, decoded.module, decoded_);
    }
    const std::uint64_t cluster_size = std::max<std::uint64_t>(grid_.config.cluster.count(), 1);
    queue_ = ClusterQueue(grid_.config.grid.count() / cluster_size);
    limit_ = std::max<std::size_t>(grid_.config.resident_blocks / cluster_size, 1);
    if (grid_.config.steals_clusters) {
      grid_.steal_cluster = [this, cluster_size]() -> std::optional<std::uint64_t> {
        if (queue_.empty()) {
          return std::nullopt;
        }
        grid_.triggered_ctas += cluster_size;  // they never begin
        return queue_.take();
      };
    }
    rank_constants_ = constants_by_rank(*decoded_, static_cast<std::uint32_t>(cluster_size));
    grid_.rank_constants = &rank_constants_;
    window_ = std::min(kInitialWindow, limit_);
    state_ = queue_.empty() || grid_.config.block.count() == 0 ? GridState::finished
                                                               : GridState::running;
  }

  ~Impl() { end_checks(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  GridState step(std::uint64_t budget) {
    if (state_ == GridState::finished || state_ == GridState::faulted) {
      return state_;
    }
    if (state_ == GridState::stalled) {
      state_ = GridState::running;
      watch_.restart(slots_);
    }
    std::unique_lock<std::mutex> lock;
    if (grid_.detector != nullptr) {
      lock = std::unique_lock(grid_.detector->mutex());
      grid_.detector->apply_forgotten();
    }
    grid_.refresh();
    for (GridContext& worker : workers_) {
      worker.refresh();
    }
    running_ = nullptr;
    try {
      if (awaits_ && !grid_.awaits_prerequisite()) {
        awaits_ = false;
        release_grid_control(kGridWait);
      }
      if (grid_.holds_triggers && has_triggered()) {
        end_hold();
      }
      for (std::uint64_t executed = 0; executed < budget && state_ == GridState::running;) {
        executed += std::max<std::uint64_t>(run_round(), 1);
        if (grid_.holds_triggers && has_triggered()) {
          break;
        }
      }
    } catch (const FaultRaised& raised) {
      report(raised);
    }
    if (lock.owns_lock()) {
      lock.unlock();
    }
    if (state_ == GridState::finished || state_ == GridState::faulted) {
      collect();
      end_checks();
    }
    return state_;
  }

  void give_up() {
    const std::unique_lock<std::mutex> lock = grid_.detector != nullptr
                                                  ? std::unique_lock(grid_.detector->mutex())
                                                  : std::unique_lock<std::mutex>();
    report_stall();
  }

  bool has_triggered() const {
    std::uint64_t ctas = grid_.triggered_ctas;
    bool some = grid_.has_trigger;
    for (const GridContext& worker : workers_) {
      ctas += worker.triggered_ctas;
      some = some || worker.has_trigger;
    }
    return some && ctas == queue_.total() * grid_.config.cluster.count();
  }
  bool has_triggered_before_wait() const {
    return grid_.has_trigger_before_wait ||
           std::any_of(workers_.begin(), workers_.end(),
                       [](const GridContext& worker) { return worker.has_trigger_before_wait; });
  }
  void hold_at_trigger() {
    if (!std::exchange(has_held_, true)) {
      set_hold(true);
    }
  }

  const GridCounters& counters() const { return grid_.counters; }
  const std::optional<Fault>& fault() const { return fault_; }

 private:
  void end_checks() {
    slots_.clear();
    GridChecks::end(grid_);
  }

  void fill() {
    const std::uint64_t per_turn =
        has_waited_
            ? 1
            : std::clamp<std::uint64_t>(queue_.total() / kTurnsPerGrid, 1, kMostCtasPerTurn);
    while (slots_.size() < window_ && !queue_.empty()) {
      slots_.emplace_back();
    }
    for (ClusterSlot& slot : slots_) {
      const std::uint64_t count = per_turn - (slot.cluster == nullptr ? 0 : 1);
      slot.waiting.clear();
      while (slot.waiting.size() < count && !queue_.empty()) {
        slot.waiting.push_back(queue_.take());
      }
      std::reverse(slot.waiting.begin(), slot.waiting.end());
    }
  }

  void parallel_phase() {
    // Who runs a slot changes nothing but the time that it takes. The race detector keeps one
    // record for all CTAs.
    const std::size_t threads =
        grid_.detector != nullptr ? 1 : std::min<std::size_t>(grid_.config.threads, slots_.size());
    if (threads < 2 || last_parallel_ < kWorthwhile) {
      for (ClusterSlot& slot : slots_) {
        slot.run(grid_, clock_, kParallelQuantum);
      }
      return;
    }
    while (workers_.size() + 1 < threads) {
      add_worker();
    }
    WorkerPool::instance().run(threads, slots_.size(), [this](std::size_t index, std::size_t who) {
      slots_[index].run(who == 0 ? grid_ : workers_[who - 1], clock_, kParallelQuantum);
    });
  }

  void set_hold(bool holds) {
    for_each_context([holds](GridContext& context) { context.holds_triggers = holds; });
  }
  void end_hold() {
    set_hold(false);
    release_grid_control(kGridTrigger);
  }
  void release_grid_control(std::uint32_t which) {
    for (ClusterSlot& slot : slots_) {
      if (slot.cluster != nullptr) {
        slot.cluster->release_grid_control(which);
      }
    }
  }

  void add_worker() {
    GridContext& worker = workers_.emplace_back();
    worker.holds_triggers = grid_.holds_triggers;
    worker.kernel = grid_.kernel;
    worker.module = grid_.module;
    worker.config = grid_.config;
    worker.addresses = grid_.addresses;
    worker.architecture = grid_.architecture;
    worker.generation = grid_.generation;
    worker.workspace = grid_.workspace;
    worker.rank_constants = grid_.rank_constants;
    worker.refresh();
  }

  std::uint64_t run_round() {
    fill();
    if (slots_.empty()) {
      state_ = GridState::finished;
      return 0;
    }
    parallel_phase();
    std::uint64_t executed = 0;
    for (ClusterSlot& slot : slots_) {
      if (slot.error) {
        std::rethrow_exception(slot.error);
      }
      if (slot.fault) {
        running_ = slot.cluster.get();
        throw FaultRaised(*slot.fault);
      }
      executed += slot.executed;
    }
    last_parallel_ = executed;
    bool has_progressed = executed != 0;
    bool has_waited = false;
    bool has_worked = false;
    bool has_computed = false;  // without coming to an end
    std::uint64_t skipped = 0;
    for (ClusterSlot& slot : slots_) {
      has_progressed = has_progressed || slot.finished_one;
      has_worked = has_worked || slot.finished_one;
      if (slot.cluster != nullptr) {
        running_ = slot.cluster.get();
        if (slot.cluster->at_gate()) {
          const std::uint64_t done =
              slot.cluster->run(grid_, clock_ + slot.executed, kSerialQuantum, true);
          executed += done;
          slot.executed += done;
          has_progressed = has_progressed || done != 0;
        }
        const bool waits = slot.cluster->idle() || slot.executed == 0;
        // What it issued itself lands without another CTA's help.
        has_waited = has_waited || (waits && !slot.cluster->has_operations());
        has_worked = has_worked || !waits;
        has_computed = has_computed || !waits;
        skipped = std::max(skipped, slot.cluster->take_skipped_time());
        if (slot.cluster->finished()) {
          slot.cluster->finish();
          slot.cluster.reset();
          has_progressed = true;
        }
      }
    }
    clock_ += executed + skipped;
    grid_.counters.clock_loop_clocks += skipped;
    has_waited_ = has_waited_ || has_waited;
    if (!has_worked && force_operations()) {
      grid_.changed = true;
      has_progressed = true;
      has_waited = false;
      has_worked = true;
    }
    rounds_ += has_computed ? 1 : 0;
    end_round(has_progressed, has_waited || (has_computed && rounds_ % kRoundsPerJoin == 0),
              has_worked);
    watch_round(executed);
    return executed;
  }

  // All wait or poll: asynchronous operations cannot linger any longer.
  bool force_operations() {
    bool forced = false;
    for (ClusterSlot& slot : slots_) {
      if (slot.cluster != nullptr) {
        running_ = slot.cluster.get();
        forced = slot.cluster->force_operation() || forced;
      }
    }
    return forced;
  }

  void end_round(bool has_progressed, bool others_join, bool has_worked) {
    for (ClusterSlot& slot : slots_) {
      queue_.give_back(slot.waiting);
      slot.waiting.clear();
    }
    std::erase_if(slots_, [](const ClusterSlot& slot) { return slot.cluster == nullptr; });
    if (others_join && window_ < limit_) {
      window_ = std::min(limit_, window_ + std::max<std::size_t>(1, window_ / 2));
    } else if (!has_worked && grid_.holds_triggers) {
      end_hold();  // others wait for those that it holds
    } else if (!has_progressed && !slots_.empty()) {
      if (grid_.awaits_prerequisite()) {
        state_ = GridState::stalled;
      } else {
        deadlock();
      }
    }
    // The order in which CTAs take turns is not the program's to rely on.
    for (std::size_t i = slots_.size(); i > 1; --i) {
      std::swap(slots_[i - 1], slots_[random_.below(static_cast<std::uint32_t>(i))]);
    }
  }

  template <class Visit>
  void for_each_context(Visit&& visit) {
    visit(grid_);
    std::for_each(workers_.begin(), workers_.end(), visit);
  }

  // Whether anything has changed since the last call.
  bool take_changes() {
    bool changed = false;
    for_each_context([&changed](GridContext& context) {
      changed = std::exchange(context.changed, false) || changed;
    });
    return changed;
  }

  void watch_round(std::uint64_t executed) {
    const bool all_run = window_ >= limit_ || queue_.empty();
    switch (watch_.look(slots_, executed, take_changes(), all_run)) {
      case StallWatch::Verdict::goes_on:
        break;
      case StallWatch::Verdict::stalled:
        state_ = GridState::stalled;
        break;
      case StallWatch::Verdict::hopeless:
        report_stall();
        break;
    }
  }

  [[noreturn]] void deadlock() {
    running_ = slots_.front().cluster.get();
    throw FaultRaised(
        Fault::Kind::deadlock, kWarpSize,
        "deadlock: nothing can progress; waiting are " + running_->describe_waiting());
  }

  void report_stall() {
    Fault fault;
    fault.kind = Fault::Kind::deadlock;
    fault.message = describe_stall(grid_, slots_);
    if (const std::uint64_t rest = queue_.size(); rest != 0) {
      const std::uint64_t ctas_each = grid_.config.cluster.count();
      fault.message += "; " + std::to_string(rest * ctas_each) + " of " +
                       std::to_string(queue_.total() * ctas_each) +
                       " CTAs have not begun: the device holds " +
                       std::to_string(limit_ * ctas_each);
    }
    state_ = GridState::faulted;
    fault_ = std::move(fault);
    slots_.clear();
  }

  // What the other threads counted.
  void collect() {
    for (GridContext& worker : workers_) {
      add(grid_.counters, worker.counters);
      grid_.sectors.insert(worker.sectors);
      grid_.triggered_ctas += worker.triggered_ctas;
      grid_.has_trigger = grid_.has_trigger || worker.has_trigger;
      grid_.has_trigger_before_wait =
          grid_.has_trigger_before_wait || worker.has_trigger_before_wait;
    }
    workers_.clear();
    grid_.counters.unique_global_bytes = grid_.sectors.count() * 32;
  }

  void report(const FaultRaised& raised) {
    state_ = GridState::faulted;
    Fault fault;
    fault.kind = raised.kind();
    Cta* const cta = running_ == nullptr ? nullptr : running_->running();
    fault.message =
        describe_place(grid_, cta, cta == nullptr ? nullptr : cta->running(), raised.lane());
    fault.message += std::string(": ") + raised.what();
    fault_ = std::move(fault);
    running_ = nullptr;
    slots_.clear();
  }

  std::optional<GridWorkspace> workspace_;
  std::shared_ptr<const DecodedKernel> decoded_;
  GridChecks checks_;
  GridContext grid_;
  GridState state_ = GridState::running;
  async::Random random_;
  ClusterQueue queue_;
  std::size_t limit_ = 1;
  std::size_t window_ = 1;
  std::uint64_t rounds_ = 0;  ///< in which somebody computed and did not come to an end
  std::uint64_t clock_ = 0;   ///< warp instructions of past rounds
  std::uint64_t last_parallel_ = kWorthwhile;
  bool has_waited_ = false;
  bool awaits_ = false;    ///< began before its prerequisite had ended
  bool has_held_ = false;  ///< hold_at_trigger() was asked for
  Cluster* running_ = nullptr;
  std::vector<AlignedBuffer> rank_constants_;  ///< see GridContext
  StallWatch watch_;
  std::vector<ClusterSlot> slots_;
  std::deque<GridContext> workers_;  ///< of the threads beside this one
  std::optional<Fault> fault_;
};

GridExecution::GridExecution(const Program& program, std::size_t kernel_index, LaunchConfig config,
                             memory::AddressSpace& addresses)
    : impl_(std::make_unique<Impl>(program, kernel_index, std::move(config), addresses)) {}
GridExecution::~GridExecution() = default;

GridState GridExecution::step(std::uint64_t warp_instructions) {
  return impl_->step(warp_instructions);
}
const GridCounters& GridExecution::counters() const {
  return impl_->counters();
}
bool GridExecution::has_triggered() const {
  return impl_->has_triggered();
}
bool GridExecution::has_triggered_before_wait() const {
  return impl_->has_triggered_before_wait();
}
void GridExecution::hold_at_trigger() {
  impl_->hold_at_trigger();
}
void GridExecution::give_up() {
  impl_->give_up();
}
const std::optional<Fault>& GridExecution::fault() const {
  return impl_->fault();
}

}  // namespace rackproof::emulator::exec
