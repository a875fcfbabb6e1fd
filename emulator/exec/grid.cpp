#include "emulator/exec/grid.hpp"

#include "emulator/exec/cta.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/grid_context.hpp"
#include "emulator/exec/grid_workspace.hpp"
#include "emulator/exec/program_impl.hpp"

#include <algorithm>
#include <numeric>

namespace rackproof::emulator::exec {
namespace {

// Warp instructions a CTA runs before the next one has its turn.
constexpr std::uint64_t kCtaQuantum = 4096;
// CTAs in flight at first. More join whenever those in flight only poll or sleep, up to the number
// that the device holds; so a grid that synchronises with itself makes progress, and one that does
// not keeps a small working set.
constexpr std::size_t kInitialWindow = 2;
// Without polling, another CTA joins after this many rounds.
constexpr std::uint64_t kRoundsPerJoin = 32;

std::string position(const Dim3& id) {
  return "(" + std::to_string(id.x) + "," + std::to_string(id.y) + "," + std::to_string(id.z) + ")";
}

}  // namespace

std::string describe_location(const ptx::Module& module, const ptx::SourceLocation& where) {
  std::string text = "PTX line " + std::to_string(where.ptx_line);
  if (where.cuda_file != 0 && where.cuda_file < module.files.size()) {
    const std::string& path = module.files[where.cuda_file];
    text += " (" + path.substr(path.rfind('/') + 1) + ":" + std::to_string(where.cuda_line) + ")";
  }
  return text;
}

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
    if (grid_.config.checks.races) {
      begin_checks(decoded.module);
    }
    total_ = grid_.config.grid.count();
    limit_ = grid_.config.resident_blocks == 0 ? std::size_t{1} : grid_.config.resident_blocks;
    window_ = std::min(kInitialWindow, limit_);
    state_ =
        total_ == 0 || grid_.config.block.count() == 0 ? GridState::finished : GridState::running;
  }

  ~Impl() { end_checks(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  GridState step(std::uint64_t budget) {
    if (state_ != GridState::running) {
      return state_;
    }
    std::unique_lock<std::mutex> lock;
    if (grid_.detector != nullptr) {
      lock = std::unique_lock(grid_.detector->mutex());
      grid_.detector->apply_forgotten();
    }
    grid_.refresh();
    running_cta_ = nullptr;
    try {
      advance(budget);
    } catch (const FaultRaised& raised) {
      report(raised);
    }
    grid_.counters.unique_global_bytes = grid_.sectors.count() * 32;
    if (lock.owns_lock()) {
      lock.unlock();
    }
    if (state_ != GridState::running) {
      end_checks();
    }
    return state_;
  }

  const GridCounters& counters() const { return grid_.counters; }
  const std::optional<Fault>& fault() const { return fault_; }

 private:
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
             " of kernel '" + kernel->name + "' at " +
             describe_location(*module, kernel->source.at(access.pc())->where);
    };
  }
  void end_checks() {
    ctas_.clear();
    if (grid_.checked != nullptr) {
      const std::scoped_lock lock(grid_.detector->mutex());
      grid_.detector->end_grid(*grid_.checked);
      grid_.checked = nullptr;
    }
  }
  void advance(std::uint64_t budget) {
    std::uint64_t executed = 0;
    while (executed < budget) {
      fill();
      if (ctas_.empty()) {
        state_ = GridState::finished;
        return;
      }
      if (next_ >= ctas_.size()) {
        finish_round();
        continue;
      }
      Cta& cta = *ctas_[next_];
      running_cta_ = &cta;
      const std::uint64_t done = cta.run(std::min(kCtaQuantum, budget - executed));
      executed += done;
      progressed_ = progressed_ || done != 0;
      waiting_ = waiting_ || cta.idle() || done == 0;
      if (cta.finished()) {
        progressed_ = true;
        ctas_.erase(ctas_.begin() + static_cast<std::ptrdiff_t>(next_));
      } else {
        ++next_;
      }
      if (done == 0 && !cta.finished()) {
        // A blocked CTA costs a little, so that a step of only blocked ones ends.
        ++executed;
      }
    }
  }

  void fill() {
    while (ctas_.size() < window_ && started_ < total_) {
      ctas_.push_back(std::make_unique<Cta>(grid_, started_, grid_.config.seed));
      ++started_;
    }
  }

  void finish_round() {
    ++rounds_;
    if ((waiting_ || rounds_ % kRoundsPerJoin == 0) && window_ < limit_) {
      window_ = std::min(limit_, window_ + std::max<std::size_t>(1, window_ / 2));
    } else if (!progressed_) {
      deadlock();
      return;
    }
    // The order in which CTAs take turns is not the program's to rely on.
    for (std::size_t i = ctas_.size(); i > 1; --i) {
      std::swap(ctas_[i - 1], ctas_[random_.below(static_cast<std::uint32_t>(i))]);
    }
    next_ = 0;
    progressed_ = false;
    waiting_ = false;
  }

  [[noreturn]] void deadlock() {
    Cta& cta = *ctas_.front();
    running_cta_ = &cta;
    throw FaultRaised(Fault::Kind::deadlock, kWarpSize,
                      "deadlock: nothing can progress; waiting are " + cta.describe_waiting());
  }

  void report(const FaultRaised& raised) {
    state_ = GridState::faulted;
    Fault fault;
    fault.kind = raised.kind();
    fault.message = "kernel '" + grid_.kernel->name + "'";
    Warp* const warp = running_cta_ == nullptr ? nullptr : running_cta_->running();
    const bool in_thread = raised.lane() < kWarpSize && warp != nullptr;
    if (in_thread) {
      const auto pc = warp->pc() - 1;
      fault.message += ", " + describe_location(*grid_.module, grid_.kernel->source[pc]->where) +
                       " (" + grid_.kernel->source[pc]->mnemonic() + ")";
    }
    if (running_cta_ != nullptr) {
      fault.message += ", CTA " + position(running_cta_->id());
    }
    if (in_thread) {
      const Dim3& block = grid_.config.block;
      const std::uint32_t linear = warp->index() * kWarpSize + raised.lane();
      fault.message += ", thread " + position({linear % block.x, linear / block.x % block.y,
                                               linear / block.x / block.y});
    }
    fault.message += std::string(": ") + raised.what();
    fault_ = std::move(fault);
    ctas_.clear();
  }

  std::optional<GridWorkspace> workspace_;
  std::shared_ptr<const DecodedKernel> decoded_;
  std::unique_ptr<check::Detector> own_detector_;
  GridContext grid_;
  GridState state_ = GridState::running;
  async::Random random_;
  std::uint64_t total_ = 0;
  std::uint64_t started_ = 0;
  std::size_t limit_ = 1;
  std::size_t window_ = 1;
  std::size_t next_ = 0;
  std::uint64_t rounds_ = 0;
  bool progressed_ = false;
  bool waiting_ = false;
  Cta* running_cta_ = nullptr;
  std::vector<std::unique_ptr<Cta>> ctas_;
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
const std::optional<Fault>& GridExecution::fault() const {
  return impl_->fault();
}

}  // namespace rackproof::emulator::exec
