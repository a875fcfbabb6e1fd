#pragma once
/// Move-only NCCL communicator that never blocks: ncclConfig blocking = 0, every state polled
/// through ncclCommGetAsyncError under a deadline.

#include "collectives/bootstrap.hpp"
#include "collectives/errors.hpp"

#include <nccl.h>

#include <optional>
#include <string>

namespace rackproof::collectives {

/// One rank's end of a communicator on the device that was current at creation.
/// The destructor aborts what was not finalised: it never waits for other ranks.
class Communicator {
 public:
  /// Collective over all ranks of `bootstrap`, one device each. Throws NcclError, TimeoutError.
  [[nodiscard]] static Communicator create(Bootstrap& bootstrap, const Deadline& deadline);

  ~Communicator();
  Communicator(Communicator&& other) noexcept;
  Communicator& operator=(Communicator&& other) noexcept;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  [[nodiscard]] ncclComm_t get() const noexcept { return handle_; }
  [[nodiscard]] int rank() const noexcept { return rank_; }
  [[nodiscard]] int size() const noexcept { return size_; }
  [[nodiscard]] Bootstrap& bootstrap() const noexcept { return *bootstrap_; }

  /// Collective over this communicator: ranks of equal `color` form a new one, ordered by `key`.
  /// nullopt for a rank with a negative color, which joins none.
  [[nodiscard]] std::optional<Communicator> split(int color, int key, const Deadline& deadline);

  /// Waits until the call made last is complete on the host (ncclInProgress has gone).
  void wait_ready(const Deadline& deadline);
  /// Throws NcclError if an asynchronous error is pending (a peer failed, a link went down).
  void check_async() const;
  /// Collective: flushes, then frees. The communicator is empty afterwards.
  void finalize(const Deadline& deadline);
  /// Ends everything in flight on this rank without waiting for others; empty afterwards.
  void abort() noexcept;

 private:
  Communicator(Bootstrap& bootstrap, ncclComm_t handle);
  void adopt_rank_and_size();

  Bootstrap* bootstrap_ = nullptr;
  ncclComm_t handle_ = nullptr;
  int rank_ = 0;
  int size_ = 0;
};

/// The NCCL that the loader found.
struct NcclLibrary {
  int version_code = 0;   ///< ncclGetVersion: major * 10000 + minor * 100 + patch
  std::string version;    ///< "2.28.9"
  std::string file_name;  ///< of the file behind all links, e.g. "libnccl.so.2.28.9"
};
[[nodiscard]] NcclLibrary nccl_library();

}  // namespace rackproof::collectives
