#include "emulator/api_nccl/communicator.hpp"

#include "emulator/api_nccl/last_error.hpp"
#include "emulator/engine/collective_hook.hpp"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace rackproof::emulator::api_nccl {
namespace {

constexpr std::chrono::microseconds kPollInterval{100};

void check(cudaError_t result, const char* call) {
  if (result != cudaSuccess) {
    throw std::runtime_error(std::string(call) + ": " + cudaGetErrorString(result));
  }
}

int current_device() {
  int device = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  return device;
}

GpuPlace place_of(int device) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
  const engine::FabricModel& fabric = engine::fabric_model();
  GpuPlace place;
  static_assert(sizeof properties.uuid.bytes == sizeof place.uuid);
  std::memcpy(place.uuid.data(), properties.uuid.bytes, sizeof place.uuid);
  place.tray = fabric.tray;
  // A domain is a tray or several: the device's number in the tray does not matter.
  place.nvlink_domain = fabric.tray * fabric.gpus_per_tray / std::max(1, fabric.nvlink_domain_gpus);
  return place;
}

std::shared_ptr<CommState> make_state(int device, bool blocking) {
  auto comm = std::make_shared<CommState>();
  comm->device = device;
  comm->gpu = place_of(device);
  comm->blocking = blocking;
  return comm;
}

/// All ranks are there: who are they?
ncclResult_t meet(CommState& comm) {
  comm.segment->forget_file();
  std::set<std::array<std::uint8_t, 16>> gpus;
  std::set<int> domains;
  for (int rank = 0; rank < comm.ranks; ++rank) {
    const GpuPlace& gpu = comm.segment->mailbox(rank).gpu;
    if (!gpus.insert(gpu.uuid).second) {
      return report(ncclInvalidUsage, "duplicate GPU detected: rank " + std::to_string(rank) +
                                          " and an earlier one use the same GPU of tray " +
                                          std::to_string(gpu.tray));
    }
    domains.insert(gpu.nvlink_domain);
  }
  comm.crosses_domains = domains.size() > 1;
  return ncclSuccess;
}

/// Takes a place in the segment; what is left is to wait for the others.
void take_place(CommState& comm, const SegmentId& id, int rank, int ranks) {
  comm.rank = rank;
  comm.ranks = ranks;
  comm.segment = std::make_shared<Segment>(id, ranks);
  comm.segment->attach(rank, comm.gpu);
}

template <typename Reached>
bool all_ranks(const CommState& comm, Reached reached) {
  for (int rank = 0; rank < comm.ranks; ++rank) {
    if (!reached(comm.segment->mailbox(rank).split)) {
      return false;
    }
  }
  return true;
}

/// ncclCommSplit in steps that each depend on what other ranks have published.
class Split {
 public:
  Split(CommState& parent, std::shared_ptr<CommState> child, int color, int key)
      : parent_(&parent),
        child_(std::move(child)),
        color_(color),
        key_(key),
        number_(++parent.splits) {}

  ncclResult_t advance() {
    try {
      while (step()) {
      }
    } catch (const SegmentError& error) {
      return report(ncclSystemError, error.what());
    }
    return stage_ == Stage::done ? ncclSuccess : ncclInProgress;
  }

 private:
  enum class Stage { publish, meet, join, done };

  /// True if it got on.
  bool step() {
    SplitBox& own = parent_->segment->mailbox(parent_->rank).split;
    switch (stage_) {
      case Stage::publish:
        // The boxes still hold the previous split until everybody has read it.
        if (!all_ranks(*parent_, [this](const SplitBox& box) {
              return box.finished.load(std::memory_order_acquire) >= number_ - 1;
            })) {
          return false;
        }
        own.color = color_;
        own.key = key_;
        own.published.store(number_, std::memory_order_release);
        stage_ = Stage::meet;
        return true;
      case Stage::meet:
        if (!all_ranks(*parent_, [this](const SplitBox& box) {
              return box.published.load(std::memory_order_acquire) >= number_;
            })) {
          return false;
        }
        choose_members(own);
        return true;
      case Stage::join: {
        const SplitBox& leader = parent_->segment->mailbox(members_.front()).split;
        if (leader.child_published.load(std::memory_order_acquire) < number_) {
          return false;
        }
        const auto place = std::find(members_.begin(), members_.end(), parent_->rank);
        const std::lock_guard lock(child_->mutex);
        take_place(*child_, leader.child, static_cast<int>(place - members_.begin()),
                   static_cast<int>(members_.size()));
        finish(own);
        return true;
      }
      case Stage::done:
        return false;
    }
    return false;
  }

  void choose_members(SplitBox& own) {
    if (color_ == NCCL_SPLIT_NOCOLOR) {
      finish(own);
      return;
    }
    std::vector<std::pair<int, int>> by_key;
    for (int rank = 0; rank < parent_->ranks; ++rank) {
      const SplitBox& box = parent_->segment->mailbox(rank).split;
      if (box.color == color_) {
        by_key.emplace_back(box.key, rank);
      }
    }
    std::sort(by_key.begin(), by_key.end());
    for (const auto& [key, rank] : by_key) {
      members_.push_back(rank);
    }
    if (members_.front() == parent_->rank) {
      own.child = Segment::create();
      own.child_published.store(number_, std::memory_order_release);
    }
    stage_ = Stage::join;
  }

  void finish(SplitBox& own) {
    own.finished.store(number_, std::memory_order_release);
    stage_ = Stage::done;
  }

  CommState* parent_;  ///< owns this task
  std::shared_ptr<CommState> child_;
  int color_;
  int key_;
  std::uint64_t number_;
  Stage stage_ = Stage::publish;
  std::vector<int> members_;  ///< ranks of the parent
};

/// Of a communicator whose segment may still have to come from a split.
HostTask init_task(CommState& comm) {
  return [&comm] {
    if (comm.segment == nullptr || !comm.segment->is_complete()) {
      return ncclInProgress;
    }
    return meet(comm);
  };
}

}  // namespace

std::shared_ptr<CommState> join(const SegmentId& segment_id, int rank, int ranks, bool blocking) {
  auto comm = make_state(current_device(), blocking);
  take_place(*comm, segment_id, rank, ranks);
  comm->task = init_task(*comm);
  return comm;
}

std::shared_ptr<CommState> start_split(const std::shared_ptr<CommState>& parent, int color, int key,
                                       bool blocking) {
  const std::lock_guard lock(parent->mutex);
  std::shared_ptr<CommState> child;
  if (color != NCCL_SPLIT_NOCOLOR) {
    child = make_state(parent->device, blocking);
    child->task = init_task(*child);
  }
  auto split = std::make_shared<Split>(*parent, child, color, key);
  parent->task = [split] { return split->advance(); };
  return child;
}

void start_finalize(const std::shared_ptr<CommState>& comm) {
  const std::lock_guard lock(comm->mutex);
  comm->task = [state = comm.get()] {
    return state->completed == state->issued ? ncclSuccess : ncclInProgress;
  };
}

ncclResult_t progress(CommState& comm) {
  const std::lock_guard lock(comm.mutex);
  if (comm.task && comm.async_error == ncclSuccess && !comm.aborted) {
    const ncclResult_t result = comm.task();
    if (result == ncclInProgress) {
      return result;
    }
    comm.task = nullptr;
    comm.async_error = result;
  }
  return comm.async_error;
}

ncclResult_t wait_until_ready(CommState& comm) {
  for (;;) {
    const ncclResult_t state = progress(comm);
    if (state != ncclInProgress) {
      return state;
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

void set_async_error(CommState& comm, ncclResult_t error, const char* message) {
  if (comm.async_error == ncclSuccess) {
    comm.async_error = report(error, message);
  }
}

}  // namespace rackproof::emulator::api_nccl
