#include "emulator/api_nccl/group.hpp"

#include "emulator/api_nccl/collective_run.hpp"
#include "emulator/api_nccl/last_error.hpp"

#include <chrono>
#include <thread>
#include <utility>
#include <vector>

namespace rackproof::emulator::api_nccl {
namespace {

constexpr std::chrono::microseconds kPollInterval{100};

struct Submission {
  std::shared_ptr<CommState> comm;
  Call call;
  cudaStream_t stream = nullptr;
};

struct Group {
  int depth = 0;
  ncclResult_t first_error = ncclSuccess;
  std::vector<std::shared_ptr<CommState>> busy;
  std::vector<Submission> submissions;
};

Group& this_group() {
  thread_local Group group;
  return group;
}

/// Looks at all of them in turn: ranks of one thread wait for each other.
ncclResult_t complete_all(const std::vector<std::shared_ptr<CommState>>& comms) {
  for (;;) {
    ncclResult_t outcome = ncclSuccess;
    bool must_wait = false;
    for (const auto& comm : comms) {
      const ncclResult_t state = progress(*comm);
      if (state == ncclInProgress) {
        must_wait = must_wait || comm->blocking;
        outcome = outcome == ncclSuccess ? state : outcome;
      } else if (state != ncclSuccess) {
        return state;
      }
    }
    if (!must_wait) {
      return outcome;
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

}  // namespace

void group_start() {
  ++this_group().depth;
}

ncclResult_t group_end() {
  Group& group = this_group();
  if (group.depth == 0) {
    return report(ncclInvalidUsage, "ncclGroupEnd without ncclGroupStart");
  }
  if (--group.depth > 0) {
    return ncclSuccess;
  }
  const Group all = std::exchange(group, {});
  if (all.first_error != ncclSuccess) {
    return all.first_error;
  }
  const ncclResult_t ready = complete_all(all.busy);
  if (ready != ncclSuccess) {
    return ready;
  }
  for (const Submission& submission : all.submissions) {
    const ncclResult_t result = enqueue(submission.comm, submission.call, submission.stream);
    if (result != ncclSuccess) {
      return result;
    }
  }
  return ncclSuccess;
}

ncclResult_t complete(const std::shared_ptr<CommState>& comm) {
  Group& group = this_group();
  if (group.depth > 0) {
    group.busy.push_back(comm);
    return ncclSuccess;
  }
  return complete_all({comm});
}

ncclResult_t submit(const std::shared_ptr<CommState>& comm, const Call& call, cudaStream_t stream) {
  Group& group = this_group();
  if (group.depth > 0) {
    group.submissions.push_back({comm, call, stream});
    return ncclSuccess;
  }
  return enqueue(comm, call, stream);
}

ncclResult_t fail_group(ncclResult_t error) {
  Group& group = this_group();
  if (group.depth > 0 && group.first_error == ncclSuccess) {
    group.first_error = error;
  }
  return error;
}

}  // namespace rackproof::emulator::api_nccl
