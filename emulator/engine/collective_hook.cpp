#include "emulator/engine/collective_hook.hpp"

#include "emulator/engine/core.hpp"
#include "emulator/engine/graph/capture.hpp"
#include "emulator/engine/report.hpp"

#include <memory>
#include <stdexcept>

namespace rackproof::emulator::engine {
namespace {

class PolledStreamOperation final : public Operation {
 public:
  PolledStreamOperation(std::string name, int device, PolledOperation poll)
      : name_(std::move(name)), device_(device), poll_(std::move(poll)) {}

  StepResult step(TimePs start) override {
    PollResult result;
    try {
      result = poll_(start);
    } catch (const std::exception& error) {
      result = PollResult::failed(error.what());
    }
    switch (result.state) {
      case PollResult::State::pending:
        return StepResult::waiting();
      case PollResult::State::failed:
        return StepResult::failed(cudaErrorLaunchFailure, name_ + ": " + result.problem);
      case PollResult::State::done:
        break;
    }
    const TimePs end = result.end_time_ps > start ? result.end_time_ps : start;
    Core::instance().report().operation_finished(name_, device_, start, end);
    return StepResult::done(end);
  }

 private:
  std::string name_;
  int device_;
  PolledOperation poll_;
};

FabricModel make_fabric_model() {
  const Core& core = Core::instance();
  if (core.status() != cudaSuccess) {
    throw std::runtime_error(core.problem());
  }
  const device::RackModel& rack = core.rack();
  FabricModel fabric;
  fabric.rack_id = rack.id;
  fabric.tray = core.settings().tray;
  fabric.trays = rack.trays;
  fabric.gpus_per_tray = rack.gpus_per_tray;
  fabric.nvlink_domain_gpus = rack.nvlink_domain_gpus;
  fabric.nvlink_links = rack.nvlink_links;
  fabric.nvlink_bytes_per_s_per_link = rack.nvlink_bytes_per_s_per_link;
  fabric.host_link_bytes_per_s = rack.host_link_bytes_per_s;
  fabric.memory_bandwidth_bytes_per_s = rack.gpu.memory_bandwidth_bytes_per_s;
  fabric.seed = core.settings().seed;
  return fabric;
}

}  // namespace

cudaError_t enqueue_polled(cudaStream_t stream, std::string name, PolledOperation operation) {
  Core& core = Core::instance();
  if (core.status() != cudaSuccess) {
    return core.status();
  }
  Stream* target = resolve_stream(stream);
  if (target == nullptr || !operation) {
    return cudaErrorInvalidResourceHandle;
  }
  if (const cudaError_t error = sticky_error(*target->device); error != cudaSuccess) {
    return error;
  }
  // A collective can be run once; a graph would run it again and again.
  if (graph::is_capturing(*target)) {
    return graph::refuse_wait(*target);
  }
  core.executor().enqueue(
      *target, std::make_unique<PolledStreamOperation>(std::move(name), target->device->ordinal,
                                                       std::move(operation)));
  return cudaSuccess;
}

void wake_executor() {
  Core::instance().executor().wake();
}

const FabricModel& fabric_model() {
  static const FabricModel* const fabric = new FabricModel(make_fabric_model());
  return *fabric;
}

}  // namespace rackproof::emulator::engine
