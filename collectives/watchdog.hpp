#pragma once
/// Waits on the device that cannot hang: they poll, look for asynchronous NCCL errors, and end at a
/// deadline.

#include "collectives/communicator.hpp"
#include "collectives/errors.hpp"

#include <cuda_runtime_api.h>

#include <string>

namespace rackproof::collectives {

/// Guards one communicator. Not thread-safe; cheap to construct.
class Watchdog {
 public:
  explicit Watchdog(Communicator& communicator) : communicator_(&communicator) {}

  /// Returns when all work in `stream` has finished. On an asynchronous NCCL error: aborts the
  /// communicator and throws NcclError. At the deadline: takes a roll call, aborts the
  /// communicator and throws TimeoutError naming phase, `what` ("all_reduce/float32/sum, 8 MiB")
  /// and the ranks that are missing. Throws runtime::CudaError if the device failed.
  void wait(cudaStream_t stream, const Deadline& deadline, const std::string& what);
  void wait(cudaEvent_t event, const Deadline& deadline, const std::string& what);

 private:
  template <typename Query>
  void poll(Query query, const Deadline& deadline, const std::string& what);

  Communicator* communicator_;
};

}  // namespace rackproof::collectives
