#include "emulator/exec/grid.hpp"

#include "emulator/exec/cluster.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/grid_context.hpp"
#include "emulator/exec/grid_workspace.hpp"
#include "emulator/exec/places.hpp"
#include "emulator/exec/program_impl.hpp"
#include "emulator/exec/stall_report.hpp"
#include "emulator/exec/stall_watch.hpp"
#include "emulator/exec/windows.hpp"
#include "emulator/exec/worker_pool.hpp"

#include <algorithm>
#include <cstring>
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
// How often each group must have come back to where it was before its grid is called stalled; and
// when it is looked at again.
constexpr std::uint32_t kRepeats = 8;
constexpr std::uint32_t kRepeatsAgain = 2;

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
      begin_checks(decoded.module);
    }
    const std::uint64_t cluster_size = std::max<std::uint64_t>(grid_.config.cluster.count(), 1);
    total_ = grid_.config.grid.count() / cluster_size;
    limit_ = std::max<std::size_t>(grid_.config.resident_blocks / cluster_size, 1);
    if (grid_.config.steals_clusters) {
      grid_.steal_cluster = [this, cluster_size]() -> std::optional<std::uint64_t> {
        if (!has_unstarted()) {
          return std::nullopt;
        }
        grid_.triggered_ctas += cluster_size;  // they never begin
        return take_unstarted();
      };
    }
    place_shared_memory(static_cast<std::uint32_t>(cluster_size));
    window_ = std::min(kInitialWindow, limit_);
    state_ =
        total_ == 0 || grid_.config.block.count() == 0 ? GridState::finished : GridState::running;
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
      restart_watch();
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
    return some && ctas == total_ * grid_.config.cluster.count();
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
  // Each CTA of a cluster has addresses of its own for its shared memory.
  void place_shared_memory(std::uint32_t cluster_size) {
    rank_constants_.resize(cluster_size);
    for (std::uint64_t rank = 1; rank < cluster_size; ++rank) {
      AlignedBuffer& constants = rank_constants_[rank];
      constants.resize(decoded_->constants.size());
      std::memcpy(constants.data(), decoded_->constants.data(), decoded_->constants.size());
      for (const auto& [offset, width] : decoded_->shared_constants) {
        for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
          std::byte* const at = constants.data() + offset + std::size_t{lane} * width;
          std::uint64_t address = 0;
          std::memcpy(&address, at, width);
          address |= rank << kClusterRankShift;
          std::memcpy(at, &address, width);
        }
      }
    }
    grid_.rank_constants = &rank_constants_;
  }

  void begin_checks(std::shared_ptr<const ptx::Module> module) {
    if (grid_.config.detector == nullptr) {
      own_detector_ = std::make_unique<check::Detector>();
    }
    grid_.detector = own_detector_ ? own_detector_.get() : grid_.config.detector;
    const std::scoped_lock lock(grid_.detector->mutex());
    grid_.checked = &grid_.detector->begin_grid(grid_.config.grid.count(), grid_.config.device,
                                                grid_.config.order);
    // Messages of later grids may name this one, when its module is gone from the program.
    grid_.checked->describe = [module = std::move(module), kernel = decoded_,
                               grid = grid_.config.grid, block = grid_.config.block,
                               first = grid_.checked->first](const check::Access& access,
                                                             std::uint32_t unit) {
      const std::uint64_t cta = access.cta - first;
      const std::uint32_t thread = access.warp() * kWarpSize + access.lane_of(unit);
      return "thread " +
             position({thread % block.x, thread / block.x % block.y, thread / block.x / block.y}) +
             " of CTA " +
             position({static_cast<std::uint32_t>(cta % grid.x),
                       static_cast<std::uint32_t>(cta / grid.x % grid.y),
                       static_cast<std::uint32_t>(cta / grid.x / grid.y)}) +
             " of kernel '" + readable_name(kernel->name) + "' at " +
             describe_location(*module, kernel->source.at(access.pc())->where);
    };
  }
  void end_checks() {
    slots_.clear();
    if (grid_.checked != nullptr) {
      const std::scoped_lock lock(grid_.detector->mutex());
      grid_.detector->end_grid(*grid_.checked);
      grid_.checked = nullptr;
    }
  }

  /// A place for a cluster in flight, and those that follow it there in this round.
  struct Slot {
    std::unique_ptr<Cluster> cluster;
    std::vector<std::uint64_t> waiting;  ///< clusters to start, the next one last
    std::uint64_t executed = 0;          ///< warp instructions of this round
    bool finished_one = false;
    std::optional<FaultRaised> fault;
    std::exception_ptr error;
  };

  [[nodiscard]] bool has_unstarted() const { return !returned_.empty() || started_ < total_; }
  std::uint64_t take_unstarted() {
    if (returned_.empty()) {
      return started_++;
    }
    const std::uint64_t index = returned_.back();
    returned_.pop_back();
    return index;
  }

  void fill() {
    const std::uint64_t per_turn =
        has_waited_ ? 1 : std::clamp<std::uint64_t>(total_ / kTurnsPerGrid, 1, kMostCtasPerTurn);
    while (slots_.size() < window_ && has_unstarted()) {
      slots_.emplace_back();
    }
    for (Slot& slot : slots_) {
      const std::uint64_t count = per_turn - (slot.cluster == nullptr ? 0 : 1);
      slot.waiting.clear();
      while (slot.waiting.size() < count && has_unstarted()) {
        slot.waiting.push_back(take_unstarted());
      }
      std::reverse(slot.waiting.begin(), slot.waiting.end());
    }
  }

  // One slot's turn in the parallel phase; on any thread, with that thread's context.
  void run_slot(Slot& slot, GridContext& context) {
    slot.executed = 0;
    slot.finished_one = false;
    try {
      while (slot.executed < kParallelQuantum) {
        if (slot.cluster == nullptr) {
          if (slot.waiting.empty()) {
            return;
          }
          slot.cluster = std::make_unique<Cluster>(context, slot.waiting.back());
          slot.waiting.pop_back();
        }
        slot.executed += slot.cluster->run(context, clock_ + slot.executed,
                                           kParallelQuantum - slot.executed, false);
        if (!slot.cluster->finished()) {
          return;
        }
        slot.cluster->finish();
        slot.cluster.reset();
        slot.finished_one = true;
      }
    } catch (const FaultRaised& raised) {
      slot.fault = raised;
    } catch (...) {
      slot.error = std::current_exception();
    }
  }

  void parallel_phase() {
    // Who runs a slot changes nothing but the time that it takes. The race detector keeps one
    // record for all CTAs.
    const std::size_t threads =
        grid_.detector != nullptr ? 1 : std::min<std::size_t>(grid_.config.threads, slots_.size());
    if (threads < 2 || last_parallel_ < kWorthwhile) {
      for (Slot& slot : slots_) {
        run_slot(slot, grid_);
      }
      return;
    }
    while (workers_.size() + 1 < threads) {
      add_worker();
    }
    WorkerPool::instance().run(threads, slots_.size(), [this](std::size_t index, std::size_t who) {
      run_slot(slots_[index], who == 0 ? grid_ : workers_[who - 1]);
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
    for (Slot& slot : slots_) {
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
    for (Slot& slot : slots_) {
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
    for (Slot& slot : slots_) {
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
    for (Slot& slot : slots_) {
      if (slot.cluster != nullptr) {
        running_ = slot.cluster.get();
        forced = slot.cluster->force_operation() || forced;
      }
    }
    return forced;
  }

  void end_round(bool has_progressed, bool others_join, bool has_worked) {
    for (Slot& slot : slots_) {
      returned_.insert(returned_.end(), slot.waiting.begin(), slot.waiting.end());
      slot.waiting.clear();
    }
    std::sort(returned_.rbegin(), returned_.rend());  // the lowest is taken first
    std::erase_if(slots_, [](const Slot& slot) { return slot.cluster == nullptr; });
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

  void set_watch(bool on) {
    on ? watch_.start() : watch_.stop();
    for (Slot& slot : slots_) {
      slot.cluster->watch(on);
    }
    repeats_wanted_ = kRepeats;
    take_changes();
  }

  void restart_watch() {
    for (Slot& slot : slots_) {
      slot.cluster->restart_watch();
    }
    repeats_wanted_ = kRepeatsAgain;
  }

  void watch_round(std::uint64_t executed) {
    // Of memory only the clusters' own shared: nobody else can help them.
    const auto all_poll = [this] {
      return std::all_of(slots_.begin(), slots_.end(),
                         [](const Slot& slot) { return slot.cluster->polls_shared_memory_only(); });
    };
    const bool is_due = watch_.is_due(executed, all_poll);
    if (!watch_.is_on()) {
      if (is_due) {
        set_watch(true);
      }
      return;
    }
    if (take_changes() || slots_.empty()) {
      set_watch(false);
      return;
    }
    const bool all_run = window_ >= limit_ || !has_unstarted();
    const bool is_stalled =
        all_run && std::all_of(slots_.begin(), slots_.end(), [this](const Slot& slot) {
          return slot.cluster->is_stalled(repeats_wanted_);
        });
    if (all_run && (is_stalled || watch_.is_long()) && all_poll()) {
      report_stall();
    } else if (is_stalled) {
      state_ = GridState::stalled;
    } else if (is_due) {
      set_watch(false);
    }
  }

  [[noreturn]] void deadlock() {
    running_ = slots_.front().cluster.get();
    throw FaultRaised(
        Fault::Kind::deadlock, kWarpSize,
        "deadlock: nothing can progress; waiting are " + running_->describe_waiting());
  }

  void report_stall() {
    std::vector<Cta*> ctas;
    for (const Slot& slot : slots_) {
      for (std::uint32_t rank = 0; rank < slot.cluster->size(); ++rank) {
        ctas.push_back(&slot.cluster->cta(rank));
      }
    }
    std::sort(ctas.begin(), ctas.end(),
              [](const Cta* x, const Cta* y) { return x->linear_index() < y->linear_index(); });
    Fault fault;
    fault.kind = Fault::Kind::deadlock;
    fault.message = describe_stall(grid_, ctas);
    if (const std::uint64_t rest = returned_.size() + (total_ - started_); rest != 0) {
      const std::uint64_t ctas_each = grid_.config.cluster.count();
      fault.message +=
          "; " + std::to_string(rest * ctas_each) + " of " + std::to_string(total_ * ctas_each) +
          " CTAs have not begun: the device holds " + std::to_string(limit_ * ctas_each);
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
  std::unique_ptr<check::Detector> own_detector_;
  GridContext grid_;
  GridState state_ = GridState::running;
  async::Random random_;
  std::uint64_t total_ = 0;
  std::uint64_t started_ = 0;            ///< clusters below it were taken
  std::vector<std::uint64_t> returned_;  ///< taken, not begun, given back; the lowest last
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
  std::uint32_t repeats_wanted_ = kRepeats;
  std::vector<Slot> slots_;
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
