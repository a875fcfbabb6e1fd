#pragma once
/// What a communication library on top of the emulator needs beyond the public CUDA runtime API:
/// stream-ordered operations that may wait for other processes, and the modelled links.
///
/// The executor is one thread per process and must never block, so an operation is polled.

#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#define RACKPROOF_EMULATOR_EXPORT __attribute__((visibility("default")))

namespace rackproof::emulator::engine {

/// Virtual time of a stream in picoseconds since the process began; never the host's clock.
using TimePs = std::int64_t;
inline constexpr double kPsPerSecond = 1e12;

struct PollResult {
  enum class State : std::uint8_t { pending, done, failed };
  State state = State::pending;
  TimePs end_time_ps = 0;  ///< when done: the stream's time after the operation, >= its start
  std::string problem;     ///< when failed: one line; the device then holds a sticky error

  static PollResult pending() { return {}; }
  static PollResult done(TimePs end_time_ps) { return {State::done, end_time_ps, {}}; }
  static PollResult failed(std::string problem) { return {State::failed, 0, std::move(problem)}; }
};

/// Called on the executor thread with the stream's time when the operation became ready (the same
/// value at every poll) until it answers done or failed. It must return promptly (well below a
/// millisecond, or a bounded piece of copying), must not call the CUDA API, and may touch device
/// memory directly: device addresses are host addresses.
using PolledOperation = std::function<PollResult(TimePs start_time_ps)>;

/// Appends `operation` to `stream` (also nullptr, cudaStreamLegacy, cudaStreamPerThread) of the
/// calling thread's current device, in stream order. `name` appears in the trace.
/// Returns cudaErrorInvalidResourceHandle for an unknown stream, or the device's sticky error.
[[nodiscard]] RACKPROOF_EMULATOR_EXPORT cudaError_t enqueue_polled(cudaStream_t stream,
                                                                   std::string name,
                                                                   PolledOperation operation);

/// Makes the executor poll at once instead of at its next interval (about 100 us).
RACKPROOF_EMULATOR_EXPORT void wake_executor();

/// The rack file's links and this process's place among the trays.
struct FabricModel {
  std::string rack_id;  ///< "gb300-nvl72"
  int tray = 0;         ///< which tray this process sees
  int trays = 0;
  int gpus_per_tray = 0;
  int nvlink_domain_gpus = 0;               ///< GPUs that NVLink joins: a rack or a node
  int nvlink_links = 0;                     ///< per GPU
  double nvlink_bytes_per_s_per_link = 0;   ///< payload, one direction
  double host_link_bytes_per_s = 0;         ///< GPU to host, one direction
  double memory_bandwidth_bytes_per_s = 0;  ///< of one GPU
  std::uint64_t seed = 0;                   ///< RACKPROOF_EMULATOR_SEED
};
/// Throws std::runtime_error if the rack file could not be loaded.
[[nodiscard]] RACKPROOF_EMULATOR_EXPORT const FabricModel& fabric_model();

}  // namespace rackproof::emulator::engine
