#include "collectives/watchdog.hpp"

#include "collectives/poll.hpp"
#include "runtime/error.hpp"

namespace rackproof::collectives {

template <typename Query>
void Watchdog::poll(Query query, const Deadline& deadline, const std::string& what) {
  PollPause pause;
  for (;;) {
    const cudaError_t state = query();
    if (state == cudaSuccess) {
      communicator_->check_async();
      return;
    }
    if (state != cudaErrorNotReady) {
      runtime::throw_on_error(state, what.c_str());
    }
    try {
      communicator_->check_async();
    } catch (const NcclError&) {
      communicator_->abort();
      throw;
    }
    if (deadline.is_expired()) {
      communicator_->abort();
      throw_timeout(communicator_->bootstrap(), deadline, what);
    }
    pause();
  }
}

void Watchdog::wait(cudaStream_t stream, const Deadline& deadline, const std::string& what) {
  poll([stream] { return cudaStreamQuery(stream); }, deadline, what);
}

void Watchdog::wait(cudaEvent_t event, const Deadline& deadline, const std::string& what) {
  poll([event] { return cudaEventQuery(event); }, deadline, what);
}

}  // namespace rackproof::collectives
