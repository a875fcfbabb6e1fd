#include "collectives/errors.hpp"

#include <cstdio>
#include <utility>

namespace rackproof::collectives {
namespace {

std::string seconds(double value_s) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g s", value_s);
  return text;
}

std::string list(const std::vector<int>& ranks) {
  std::string text;
  for (const int rank : ranks) {
    text += (text.empty() ? "" : ", ") + std::to_string(rank);
  }
  return text;
}

std::string describe_timeout(const Deadline& deadline, const std::string& waited_for,
                             const std::vector<int>& missing_ranks) {
  std::string text = "phase " + deadline.phase() + ": " + waited_for + " not complete after " +
                     seconds(deadline.timeout_s());
  if (!missing_ranks.empty()) {
    text += "; no answer from rank " + list(missing_ranks);
  }
  return text;
}

std::string describe_nccl(ncclResult_t code, const char* expression, ncclComm_t communicator,
                          const std::source_location& where) {
  std::string text = std::string(where.file_name()) + ":" + std::to_string(where.line()) + ": " +
                     expression + " returned " + ncclGetErrorString(code);
  const char* last = ncclGetLastError(communicator);
  if (last != nullptr && *last != '\0') {
    text += std::string(" (") + last + ")";
  }
  return text;
}

}  // namespace

Deadline::Deadline(std::string phase, double timeout_s)
    : phase_(std::move(phase)), timeout_s_(timeout_s), start_(Clock::now()) {}

double Deadline::elapsed_s() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

TimeoutError::TimeoutError(const Deadline& deadline, const std::string& waited_for,
                           std::vector<int> missing_ranks)
    : std::runtime_error(describe_timeout(deadline, waited_for, missing_ranks)),
      phase_(deadline.phase()),
      missing_ranks_(std::move(missing_ranks)) {}

NcclError::NcclError(ncclResult_t code, const char* expression, ncclComm_t communicator,
                     std::source_location where)
    : std::runtime_error(describe_nccl(code, expression, communicator, where)), code_(code) {}

void throw_on_error(ncclResult_t code, const char* expression, ncclComm_t communicator,
                    std::source_location where) {
  if (code != ncclSuccess && code != ncclInProgress) {
    throw NcclError(code, expression, communicator, where);
  }
}

}  // namespace rackproof::collectives
