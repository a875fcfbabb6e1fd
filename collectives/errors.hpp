#pragma once
/// Typed errors of the communication layer, and the deadline that every wait of it carries.

#include <nccl.h>

#include <chrono>
#include <source_location>
#include <stdexcept>
#include <string>
#include <vector>

namespace rackproof::collectives {

/// How long one phase of a run ("init", "warm-up", "sample", "verify", "finalize") may take.
/// The clock starts at construction, so one deadline can span several waits.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  Deadline(std::string phase, double timeout_s);
  [[nodiscard]] const std::string& phase() const noexcept { return phase_; }
  [[nodiscard]] double timeout_s() const noexcept { return timeout_s_; }
  [[nodiscard]] double elapsed_s() const;
  [[nodiscard]] bool is_expired() const { return elapsed_s() >= timeout_s_; }

 private:
  std::string phase_;
  double timeout_s_;
  Clock::time_point start_;
};

/// A wait went past its deadline: some rank is dead, stuck or much too slow.
/// what() names the phase, what was waited for, the limit and the ranks that did not answer.
class TimeoutError : public std::runtime_error {
 public:
  /// `missing_ranks`: ranks that did not answer the roll call; empty when all did or none could.
  TimeoutError(const Deadline& deadline, const std::string& waited_for,
               std::vector<int> missing_ranks);
  [[nodiscard]] const std::string& phase() const noexcept { return phase_; }
  [[nodiscard]] const std::vector<int>& missing_ranks() const noexcept { return missing_ranks_; }

 private:
  std::string phase_;
  std::vector<int> missing_ranks_;
};

/// MPI refused a call, or ranks disagree where they must not.
class BootstrapError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An NCCL call failed. what() names the error, NCCL's last message, the expression and file:line.
class NcclError : public std::runtime_error {
 public:
  NcclError(ncclResult_t code, const char* expression, ncclComm_t communicator,
            std::source_location where);
  [[nodiscard]] ncclResult_t code() const noexcept { return code_; }

 private:
  ncclResult_t code_;
};

/// Throws NcclError unless `code` is ncclSuccess or, for non-blocking communicators,
/// ncclInProgress. `communicator` may be null; it is only asked for its last message.
void throw_on_error(ncclResult_t code, const char* expression, ncclComm_t communicator,
                    std::source_location where = std::source_location::current());

}  // namespace rackproof::collectives

#define RACKPROOF_NCCL(call, communicator) \
  ::rackproof::collectives::throw_on_error((call), #call, (communicator))
