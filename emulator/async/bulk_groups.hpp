#pragma once
/// Bulk groups of the threads of one warp (PTX ISA 9.0, sections 9.7.9.25.3 and 9.7.9.25.6): copies
/// out of shared memory, which first read their source and later write their destination.

#include "emulator/async/operation_queue.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace rackproof::emulator::async {

/// One copy under way: its tickets change as it goes on.
struct BulkStore {
  BulkStore() = default;
  virtual ~BulkStore() = default;
  BulkStore(const BulkStore&) = delete;
  BulkStore& operator=(const BulkStore&) = delete;
  /// A wait has ordered its reads, or all of it.
  virtual void waited(bool reads_only) = 0;
  OperationQueue::Ticket read = 0;
  OperationQueue::Ticket write = 0;  ///< 0 until the source has been read
};

class BulkGroups {
 public:
  [[nodiscard]] bool empty() const { return copies_.empty(); }
  void add(std::uint32_t lane, std::shared_ptr<BulkStore> copy) {
    copies_.push_back({lane, group_[lane], std::move(copy)});
  }
  void commit(std::uint32_t lanes) {
    for (std::uint32_t lane = 0; lane < group_.size(); ++lane) {
      group_[lane] += lanes >> lane & 1U;
    }
  }
  /// cp.async.bulk.wait_group: all but the latest `pending` committed groups of `lanes` have read
  /// their sources and, unless `reads_only`, written.
  void wait(std::uint32_t lanes, std::uint64_t pending, bool reads_only, OperationQueue& queue) {
    drain(queue, reads_only, [&](const Entry& entry) {
      return (lanes >> entry.lane & 1U) != 0 && entry.group + pending < group_[entry.lane];
    });
  }
  /// Threads end: whatever they have under way has read its source, committed or not.
  void finish(std::uint32_t lanes, OperationQueue& queue) {
    drain(queue, true, [&](const Entry& entry) { return (lanes >> entry.lane & 1U) != 0; });
  }
  /// The cluster has ended, and all of its operations with it.
  void end() {
    for (Entry& entry : copies_) {
      entry.copy->waited(false);
    }
    copies_.clear();
  }

 private:
  struct Entry {
    std::uint32_t lane = 0;
    std::uint64_t group = 0;
    std::shared_ptr<BulkStore> copy;
  };
  template <class Due>
  void drain(OperationQueue& queue, bool reads_only, Due&& due) {
    std::size_t kept = 0;
    for (Entry& entry : copies_) {
      const bool is_due = due(entry);
      if (is_due) {
        queue.drain(entry.copy->read);
        if (!reads_only) {
          queue.drain(entry.copy->write);
        }
        entry.copy->waited(reads_only);
      }
      if (!is_due || reads_only) {
        copies_[kept++] = entry;
      }
    }
    copies_.resize(kept);
  }

  std::vector<Entry> copies_;
  std::array<std::uint64_t, 32> group_{};  ///< the open group of each lane
};

}  // namespace rackproof::emulator::async
