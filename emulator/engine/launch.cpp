#include "emulator/engine/launch.hpp"

#include "emulator/device/occupancy.hpp"
#include "emulator/engine/clock_model.hpp"
#include "emulator/engine/cluster_launch.hpp"
#include "emulator/engine/core.hpp"
#include "emulator/engine/device_output.hpp"
#include "emulator/engine/events.hpp"
#include "emulator/engine/graph/capture.hpp"
#include "emulator/engine/graph/work.hpp"
#include "emulator/engine/report.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <optional>
#include <stdexcept>

namespace rackproof::emulator::engine {
namespace {

// Warp instructions a grid runs before the next one gets its turn.
constexpr std::uint64_t kQuantum = 2000;
constexpr std::uint32_t kMaxGridX = 2147483647;
constexpr std::uint32_t kMaxGridYZ = 65535;
constexpr std::uint32_t kMaxBlockZ = 64;

cudaError_t error_of(exec::Fault::Kind kind) {
  switch (kind) {
    case exec::Fault::Kind::illegal_address:
    case exec::Fault::Kind::use_after_free:
      return cudaErrorIllegalAddress;
    case exec::Fault::Kind::misaligned_address:
      return cudaErrorMisalignedAddress;
    case exec::Fault::Kind::illegal_instruction:
      return cudaErrorIllegalInstruction;
    case exec::Fault::Kind::assertion:
      return cudaErrorAssert;
    case exec::Fault::Kind::deadlock:
      return cudaErrorLaunchTimeout;
    case exec::Fault::Kind::stack_overflow:
      return cudaErrorHardwareStackError;
    case exec::Fault::Kind::trap:
    case exec::Fault::Kind::undefined_value:
    case exec::Fault::Kind::race:
      break;
  }
  return cudaErrorLaunchFailure;
}

class GridOperation final : public Operation {
 public:
  GridOperation(const ResolvedKernel& kernel, exec::LaunchConfig config, bool is_programmatic)
      : kernel_(kernel), config_(std::move(config)), is_programmatic_(is_programmatic) {}

  bool is_programmatic() const override { return is_programmatic_; }
  bool has_triggered() const override { return grid_ && grid_->has_triggered(); }
  bool has_triggered_before_wait() const override { return grid_->has_triggered_before_wait(); }
  bool starts_dependents() const override { return starts_early() && has_triggered(); }
  void expect_dependents() override {
    has_dependents_ = true;
    if (grid_ && starts_early()) {
      grid_->hold_at_trigger();
    }
  }
  void begin_early() override {
    prerequisite_ = std::make_shared<exec::Prerequisite>();
    config_.prerequisite = prerequisite_;
  }
  void end_prerequisite() override {
    if (prerequisite_) {
      prerequisite_->is_complete = true;
    }
  }

  StepResult step(TimePs start) override {
    Core& core = Core::instance();
    try {
      if (!grid_) {
        config_.start_ns = static_cast<std::uint64_t>(start) / 1000;
        config_.detector = &core.detector();
        config_.order = order();
        grid_.emplace(*kernel_.program, kernel_.index, config_, core.addresses());
        if (has_dependents_ && starts_early()) {
          grid_->hold_at_trigger();
        }
      }
      switch (grid_->step(kQuantum)) {
        case exec::GridState::running:
          return StepResult::progressed();
        case exec::GridState::stalled:
          return StepResult::stalled();
        case exec::GridState::finished:
          break;
        case exec::GridState::faulted:
          return failure();
      }
    } catch (const exec::UnsupportedInstruction& error) {
      return StepResult::failed(cudaErrorNotSupported, error.what());
    } catch (const std::exception& error) {
      return StepResult::failed(cudaErrorLaunchFailure, kernel_.info().name + ": " + error.what());
    }
    if (prerequisite_ && !prerequisite_->is_complete) {
      return StepResult::stalled();  // it ends behind what comes before it
    }
    const KernelTiming timing = kernel_timing(core.rack().gpu, grid_->counters());
    const TimePs end = start + to_ps(timing.total_s());
    core.report().kernel_finished({kernel_.info().name, config_.device, config_.grid, config_.block,
                                   config_.dynamic_shared_bytes, start, end},
                                  grid_->counters());
    return StepResult::done(end);
  }

  StepResult give_up() override {
    grid_->give_up();
    return failure();
  }

 private:
  // The dependents begin as soon as they may, or when this grid has ended.
  bool starts_early() const {
    return config_.ordering == async::Ordering::eager ||
           (config_.ordering == async::Ordering::random && config_.seed / 2 % 2 == 0);
  }
  StepResult failure() const {
    const auto& fault = grid_->fault();
    return fault ? StepResult::failed(error_of(fault->kind), fault->message)
                 : StepResult::failed(cudaErrorLaunchFailure, kernel_.info().name);
  }

  ResolvedKernel kernel_;
  exec::LaunchConfig config_;
  bool is_programmatic_;
  bool has_dependents_ = false;
  std::shared_ptr<exec::Prerequisite> prerequisite_;  ///< nullptr: it began when its turn came
  std::optional<exec::GridExecution> grid_;
};

// Registers decide how many threads a CTA may have even where launch bounds say nothing.
std::uint32_t max_threads(const device::GpuModel& gpu, const exec::KernelInfo& info) {
  std::uint32_t threads = std::min(info.max_threads_per_block, device::kMaxThreadsPerBlock);
  while (threads > device::kWarpSize &&
         device::occupancy(gpu, {threads, info.registers_per_thread, 0}).blocks_per_sm == 0) {
    threads = (threads - 1) / device::kWarpSize * device::kWarpSize;
  }
  return threads;
}

std::uint32_t max_dynamic_shared(const Kernel& kernel, const exec::KernelInfo& info) {
  if (kernel.max_dynamic_shared_bytes >= 0) {
    return static_cast<std::uint32_t>(kernel.max_dynamic_shared_bytes);
  }
  return device::kSharedBytesPerBlock -
         std::min(device::kSharedBytesPerBlock, info.static_shared_bytes);
}

bool is_valid_shape(const LaunchRequest& request) {
  const exec::Dim3& grid = request.grid;
  const exec::Dim3& block = request.block;
  return grid.count() != 0 && block.count() != 0 && grid.x <= kMaxGridX && grid.y <= kMaxGridYZ &&
         grid.z <= kMaxGridYZ && block.x <= device::kMaxThreadsPerBlock &&
         block.y <= device::kMaxThreadsPerBlock && block.z <= kMaxBlockZ &&
         block.count() <= device::kMaxThreadsPerBlock;
}

cudaError_t pack_parameters(const exec::KernelInfo& info, const LaunchRequest& request,
                            std::vector<std::byte>& parameters) {
  parameters.resize(info.parameter_bytes);
  if (request.parameter_buffer != nullptr) {
    if (request.parameter_buffer_bytes > parameters.size()) {
      return cudaErrorInvalidValue;
    }
    std::memcpy(parameters.data(), request.parameter_buffer, request.parameter_buffer_bytes);
    return cudaSuccess;
  }
  if (request.arguments == nullptr) {
    return info.parameter_offsets.empty() ? cudaSuccess : cudaErrorInvalidValue;
  }
  for (std::size_t i = 0; i < info.parameter_offsets.size(); ++i) {
    std::memcpy(parameters.data() + info.parameter_offsets[i], request.arguments[i],
                info.parameter_sizes[i]);
  }
  return cudaSuccess;
}

std::atomic<std::uint64_t> launch_number{0};

}  // namespace

cudaError_t prepare_launch(Kernel& kernel, Device& device, const LaunchRequest& request,
                           PreparedLaunch& prepared) {
  Core& core = Core::instance();
  const device::GpuModel& gpu = core.rack().gpu;
  if (!is_valid_shape(request)) {
    return cudaErrorInvalidConfiguration;
  }
  ResolvedKernel& resolved = prepared.kernel;
  if (const cudaError_t error = kernel.module->resolve(kernel, device.ordinal, resolved);
      error != cudaSuccess) {
    return error;
  }
  const exec::KernelInfo& info = resolved.info();
  if (request.block.count() > info.max_threads_per_block ||
      request.dynamic_shared_bytes > max_dynamic_shared(kernel, info)) {
    return cudaErrorInvalidValue;
  }
  exec::LaunchConfig& config = prepared.config;
  if (const cudaError_t error = choose_cluster(request, kernel, info, gpu, config);
      error != cudaSuccess) {
    return error;
  }
  const auto threads = static_cast<std::uint32_t>(request.block.count());
  const auto dynamic_shared = static_cast<std::uint32_t>(request.dynamic_shared_bytes);
  const device::Occupancy fit = device::occupancy(
      gpu, {threads, info.registers_per_thread, info.static_shared_bytes + dynamic_shared});
  if (fit.blocks_per_sm == 0) {
    return cudaErrorLaunchOutOfResources;
  }
  config.resident_blocks = fit.blocks_per_sm * static_cast<std::uint32_t>(gpu.multiprocessors);
  if (config.cluster.count() > config.resident_blocks) {
    return cudaErrorLaunchOutOfResources;
  }
  const std::uint64_t whole_clusters =
      config.resident_blocks / config.cluster.count() * config.cluster.count();
  if (request.is_cooperative && config.grid.count() > whole_clusters) {
    return cudaErrorCooperativeLaunchTooLarge;
  }
  if (const cudaError_t error = pack_parameters(info, request, config.parameters);
      error != cudaSuccess) {
    return error;
  }
  config.block = request.block;
  config.cooperative = request.is_cooperative;
  config.dynamic_shared_bytes = dynamic_shared;
  config.multiprocessors = static_cast<std::uint32_t>(gpu.multiprocessors);
  config.device = device.ordinal;
  {
    const std::scoped_lock lock(device.mutex);
    for (const int peer : device.enabled_peers) {
      config.peers |= std::uint64_t{1} << peer;
    }
  }
  config.checks = core.settings().checks;
  config.threads = core.settings().threads;
  config.clock_hz = gpu.peak_sm_clock_mhz * 1e6;
  prepared.is_programmatic = request.is_programmatic;
  return cudaSuccess;
}

std::unique_ptr<Operation> make_operation(const PreparedLaunch& prepared) {
  exec::LaunchConfig config = prepared.config;
  const device::Settings& settings = Core::instance().settings();
  config.ordering = settings.ordering;
  config.steals_clusters = settings.steals_clusters;
  config.seed = settings.kernel_seed + launch_number.fetch_add(1);
  if (config.preferred_cluster.count() != 0 && config.seed % 2 == 0) {
    config.cluster = config.preferred_cluster;
  }
  return std::make_unique<GridOperation>(prepared.kernel, std::move(config),
                                         prepared.is_programmatic);
}

cudaError_t launch(Kernel& kernel, Stream& stream, const LaunchRequest& request) {
  Core& core = Core::instance();
  flush_printf(core.device(stream.device->ordinal));
  PreparedLaunch prepared;
  if (const cudaError_t error =
          prepare_launch(kernel, core.device(stream.device->ordinal), request, prepared);
      error != cudaSuccess) {
    return error;
  }
  const std::array events{request.programmatic_event, request.launch_completion_event};
  const bool has_events = events != std::array<cudaEvent_t, 2>{};
  for (const cudaEvent_t event : events) {
    if (event != nullptr && !may_fire_within_launch(event)) {
      return cudaErrorInvalidValue;
    }
  }
  if (has_events && graph::is_any_capturing()) {
    return cudaErrorNotSupported;
  }
  if (const auto captured = graph::capture(
          stream, [&] { return graph::kernel_work(kernel, request, std::move(prepared)); })) {
    return *captured;
  }
  // CUDA allows these events to fire as late as when the grid has ended.
  const TicketPtr ticket = core.executor().enqueue(stream, make_operation(prepared));
  for (const cudaEvent_t event : events) {
    if (event != nullptr) {
      set_event_ticket(event, ticket);
    }
  }
  return cudaSuccess;
}

cudaError_t function_attributes(Kernel& kernel, Device& device, cudaFuncAttributes& attributes) {
  const device::GpuModel& gpu = Core::instance().rack().gpu;
  ResolvedKernel resolved;
  if (const cudaError_t error = kernel.module->resolve(kernel, device.ordinal, resolved);
      error != cudaSuccess) {
    return error;
  }
  const exec::KernelInfo& info = resolved.info();
  attributes = {};
  attributes.sharedSizeBytes = info.static_shared_bytes;
  attributes.localSizeBytes = info.local_bytes_per_thread;
  attributes.maxThreadsPerBlock = static_cast<int>(max_threads(gpu, info));
  attributes.numRegs = static_cast<int>(info.registers_per_thread);
  attributes.ptxVersion = static_cast<int>(resolved.ptx_architecture);
  attributes.binaryVersion = static_cast<int>(gpu.architecture());
  attributes.maxDynamicSharedSizeBytes = static_cast<int>(max_dynamic_shared(kernel, info));
  attributes.preferredShmemCarveout = kernel.shared_carveout;
  attributes.nonPortableClusterSizeAllowed = kernel.allows_non_portable_cluster ? 1 : 0;
  return cudaSuccess;
}

cudaError_t set_function_attribute(Kernel& kernel, Device& device, cudaFuncAttribute attribute,
                                   int value) {
  switch (attribute) {
    case cudaFuncAttributeMaxDynamicSharedMemorySize: {
      cudaFuncAttributes current{};
      const cudaError_t error = function_attributes(kernel, device, current);
      if (error != cudaSuccess) {
        return error;
      }
      const auto limit = Core::instance().rack().gpu.shared_bytes_per_block_optin;
      if (value < 0 || current.sharedSizeBytes + static_cast<std::size_t>(value) > limit) {
        return cudaErrorInvalidValue;
      }
      kernel.max_dynamic_shared_bytes = value;
      return cudaSuccess;
    }
    case cudaFuncAttributePreferredSharedMemoryCarveout:
      if (value < -1 || value > 100) {
        return cudaErrorInvalidValue;
      }
      kernel.shared_carveout = value;
      return cudaSuccess;
    case cudaFuncAttributeNonPortableClusterSizeAllowed:
      kernel.allows_non_portable_cluster = value != 0;
      return cudaSuccess;
    default:
      return cudaErrorNotSupported;
  }
}

cudaError_t blocks_per_sm(Kernel& kernel, Device& device, std::uint64_t threads,
                          std::uint64_t dynamic_shared_bytes, std::uint32_t& blocks) {
  const device::GpuModel& gpu = Core::instance().rack().gpu;
  ResolvedKernel resolved;
  if (const cudaError_t error = kernel.module->resolve(kernel, device.ordinal, resolved);
      error != cudaSuccess) {
    return error;
  }
  const exec::KernelInfo& info = resolved.info();
  blocks = 0;
  if (threads == 0) {
    return cudaErrorInvalidValue;
  }
  if (threads <= info.max_threads_per_block && dynamic_shared_bytes <= gpu.shared_bytes_per_sm) {
    blocks = device::occupancy(
                 gpu, {static_cast<std::uint32_t>(threads), info.registers_per_thread,
                       info.static_shared_bytes + static_cast<std::uint32_t>(dynamic_shared_bytes)})
                 .blocks_per_sm;
  }
  return cudaSuccess;
}

}  // namespace rackproof::emulator::engine
