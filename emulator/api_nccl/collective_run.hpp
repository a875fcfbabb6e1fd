#pragma once
/// One collective of one rank in a stream: advances whenever the executor looks at it.

#include "emulator/api_nccl/communicator.hpp"
#include "emulator/api_nccl/exchange.hpp"
#include "emulator/engine/collective_hook.hpp"

#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>

namespace rackproof::emulator::api_nccl {

class CollectiveRun {
 public:
  /// `sequence`: how many collectives this communicator had before; all ranks count alike.
  CollectiveRun(std::shared_ptr<CommState> comm, const Call& call, std::uint64_t sequence);

  /// Never waits and does a bounded amount of copying.
  engine::PollResult poll(engine::TimePs start_time_ps);

 private:
  enum class Step { waits, advanced, failed };

  void write_round();
  Step read_round();
  [[nodiscard]] CallDescriptor describe() const;
  engine::PollResult finish();

  std::shared_ptr<CommState> comm_;
  Call call_;
  const Exchange* exchange_;
  std::uint64_t sequence_;
  std::uint64_t rounds_;
  std::uint64_t round_ = 0;
  bool is_written_ = false;
  engine::TimePs start_ps_ = -1;        ///< this rank's; negative until it is its turn
  engine::TimePs latest_start_ps_ = 0;  ///< of all ranks
};

/// Puts `call` into `stream` of the communicator's device.
ncclResult_t enqueue(const std::shared_ptr<CommState>& comm, const Call& call, cudaStream_t stream);

}  // namespace rackproof::emulator::api_nccl
