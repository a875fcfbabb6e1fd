#include "emulator/api_nccl/collective_run.hpp"

#include "emulator/api_nccl/duration_model.hpp"
#include "emulator/api_nccl/last_error.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace rackproof::emulator::api_nccl {
namespace {

/// Keeps one look well below a millisecond.
constexpr int kRoundsPerPoll = 2;

bool same_call(const CallDescriptor& a, const CallDescriptor& b) {
  return a.kind == b.kind && a.type == b.type && a.op == b.op && a.root == b.root &&
         a.count == b.count && a.sequence == b.sequence;
}

std::string to_string(const CallDescriptor& call) {
  return std::string(exchange(static_cast<Kind>(call.kind)).name) + "(count " +
         std::to_string(call.count) + ", type " + std::to_string(call.type) + ", op " +
         std::to_string(call.op) + ", root " + std::to_string(call.root) + ")";
}

/// Makes a device current for the calling thread, and the former one again.
class CurrentDevice {
 public:
  explicit CurrentDevice(int device) {
    is_changed_ = cudaGetDevice(&former_) == cudaSuccess && former_ != device &&
                  cudaSetDevice(device) == cudaSuccess;
  }
  ~CurrentDevice() {
    if (is_changed_) {
      static_cast<void>(cudaSetDevice(former_));
    }
  }
  CurrentDevice(const CurrentDevice&) = delete;
  CurrentDevice& operator=(const CurrentDevice&) = delete;

 private:
  int former_ = 0;
  bool is_changed_ = false;
};

}  // namespace

CollectiveRun::CollectiveRun(std::shared_ptr<CommState> comm, const Call& call,
                             std::uint64_t sequence)
    : comm_(std::move(comm)),
      call_(call),
      exchange_(&exchange(call.kind)),
      sequence_(sequence),
      rounds_(exchange_->rounds(call)) {}

CallDescriptor CollectiveRun::describe() const {
  return {static_cast<std::uint32_t>(call_.kind),
          static_cast<std::uint32_t>(call_.type),
          static_cast<std::uint32_t>(call_.op),
          call_.root,
          call_.count,
          sequence_,
          start_ps_};
}

engine::PollResult CollectiveRun::poll(engine::TimePs start_time_ps) {
  // Held while device memory is touched: after an abort nobody does.
  const std::lock_guard lock(comm_->mutex);
  if (comm_->aborted || comm_->async_error != ncclSuccess) {
    return engine::PollResult::done(start_time_ps);
  }
  // Collectives of one communicator run one after the other, also from different streams.
  if (comm_->completed != sequence_) {
    return engine::PollResult::pending();
  }
  if (start_ps_ < 0) {
    start_ps_ = std::max(start_time_ps, comm_->last_end_ps);
    latest_start_ps_ = start_ps_;
  }
  bool has_advanced = false;
  for (int steps = 0; round_ < rounds_ && steps < 2 * kRoundsPerPoll; ++steps) {
    if (!is_written_) {
      write_round();
    } else if (const Step step = read_round(); step == Step::failed) {
      return engine::PollResult::done(start_time_ps);
    } else if (step == Step::waits) {
      break;
    }
    has_advanced = true;
  }
  if (round_ == rounds_) {
    return finish();
  }
  if (has_advanced) {
    // Ranks of this process wait for what was just written.
    engine::wake_executor();
  }
  return engine::PollResult::pending();
}

void CollectiveRun::write_round() {
  const Segment& segment = *comm_->segment;
  const std::uint64_t round = comm_->rounds + round_;
  Mailbox& own = segment.mailbox(call_.rank);
  own.descriptors[round % kSlotsPerRank] = describe();
  exchange_->write(call_, round_, segment.slot(call_.rank, round));
  own.rounds_written.store(round + 1, std::memory_order_release);
  is_written_ = true;
}

CollectiveRun::Step CollectiveRun::read_round() {
  const Segment& segment = *comm_->segment;
  const std::uint64_t round = comm_->rounds + round_;
  for (int rank = 0; rank < call_.ranks; ++rank) {
    if (segment.mailbox(rank).rounds_written.load(std::memory_order_acquire) <= round) {
      return Step::waits;
    }
  }
  const CallDescriptor own = describe();
  for (int rank = 0; rank < call_.ranks; ++rank) {
    const CallDescriptor& theirs = segment.mailbox(rank).descriptors[round % kSlotsPerRank];
    if (!same_call(own, theirs)) {
      const std::string message = "mismatched collectives: rank " + std::to_string(call_.rank) +
                                  " called " + to_string(own) + ", rank " + std::to_string(rank) +
                                  " called " + to_string(theirs);
      set_async_error(*comm_, ncclInvalidUsage, message.c_str());
      return Step::failed;
    }
    latest_start_ps_ = std::max(latest_start_ps_, theirs.start_time_ps);
  }
  exchange_->read(call_, round_, Slots(segment, round));
  ++round_;
  is_written_ = false;
  return Step::advanced;
}

engine::PollResult CollectiveRun::finish() {
  const double duration_s =
      modelled_duration_s(call_, engine::fabric_model(), comm_->crosses_domains);
  const auto end_ps = latest_start_ps_ +
                      static_cast<engine::TimePs>(std::llround(duration_s * engine::kPsPerSecond));
  comm_->rounds += rounds_;
  comm_->completed = sequence_ + 1;
  comm_->last_end_ps = end_ps;
  return engine::PollResult::done(end_ps);
}

ncclResult_t enqueue(const std::shared_ptr<CommState>& comm, const Call& call,
                     cudaStream_t stream) {
  const CurrentDevice current(comm->device);
  std::uint64_t sequence = 0;
  Call own = call;
  {
    const std::lock_guard lock(comm->mutex);
    if (comm->async_error != ncclSuccess) {
      return comm->async_error;
    }
    sequence = comm->issued++;
    own.rank = comm->rank;
    own.ranks = comm->ranks;
    // All ranks reduce in the same order, which differs from call to call and from seed to seed.
    own.first = static_cast<int>((engine::fabric_model().seed + sequence) %
                                 static_cast<std::uint64_t>(comm->ranks));
  }
  auto run = std::make_shared<CollectiveRun>(comm, own, sequence);
  const cudaError_t result = engine::enqueue_polled(
      stream, exchange(call.kind).name,
      [run](engine::TimePs start_time_ps) { return run->poll(start_time_ps); });
  if (result != cudaSuccess) {
    const std::lock_guard lock(comm->mutex);
    set_async_error(*comm, ncclUnhandledCudaError, cudaGetErrorString(result));
    return comm->async_error;
  }
  return ncclSuccess;
}

}  // namespace rackproof::emulator::api_nccl
