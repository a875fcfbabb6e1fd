#include "collectives/communicator.hpp"

#include "collectives/poll.hpp"

#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <utility>

namespace rackproof::collectives {
namespace {

ncclConfig_t non_blocking_config() {
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  return config;
}

ncclUniqueId share_unique_id(Bootstrap& bootstrap, const Deadline& deadline) {
  ncclUniqueId id{};
  if (bootstrap.rank() == 0) {
    RACKPROOF_NCCL(ncclGetUniqueId(&id), nullptr);
  }
  const auto bytes = bootstrap.broadcast(std::as_bytes(std::span(id.internal)), 0, deadline);
  if (bytes.size() != sizeof id.internal) {
    throw BootstrapError("the NCCL unique id has " + std::to_string(bytes.size()) +
                         " bytes; do all ranks run the same program?");
  }
  std::memcpy(id.internal, bytes.data(), bytes.size());
  return id;
}

}  // namespace

Communicator::Communicator(Bootstrap& bootstrap, ncclComm_t handle)
    : bootstrap_(&bootstrap), handle_(handle) {}

Communicator Communicator::create(Bootstrap& bootstrap, const Deadline& deadline) {
  const ncclUniqueId id = share_unique_id(bootstrap, deadline);
  ncclConfig_t config = non_blocking_config();
  ncclComm_t handle = nullptr;
  const ncclResult_t result =
      ncclCommInitRankConfig(&handle, bootstrap.size(), id, bootstrap.rank(), &config);
  // Owned before it is checked: a communicator that fails to start must be aborted too.
  Communicator communicator(bootstrap, handle);
  RACKPROOF_NCCL(result, handle);
  communicator.wait_ready(deadline);
  communicator.adopt_rank_and_size();
  return communicator;
}

Communicator::~Communicator() {
  abort();
}

Communicator::Communicator(Communicator&& other) noexcept
    : bootstrap_(other.bootstrap_),
      handle_(std::exchange(other.handle_, nullptr)),
      rank_(other.rank_),
      size_(other.size_) {}

Communicator& Communicator::operator=(Communicator&& other) noexcept {
  std::swap(bootstrap_, other.bootstrap_);
  std::swap(handle_, other.handle_);
  std::swap(rank_, other.rank_);
  std::swap(size_, other.size_);
  return *this;
}

std::optional<Communicator> Communicator::split(int color, int key, const Deadline& deadline) {
  ncclConfig_t config = non_blocking_config();
  ncclComm_t handle = nullptr;
  RACKPROOF_NCCL(
      ncclCommSplit(handle_, color < 0 ? NCCL_SPLIT_NOCOLOR : color, key, &handle, &config),
      handle_);
  // NCCL sets `handle` at the latest when the parent is ready again.
  wait_ready(deadline);
  if (handle == nullptr) {
    return std::nullopt;
  }
  Communicator part(*bootstrap_, handle);
  part.wait_ready(deadline);
  part.adopt_rank_and_size();
  return part;
}

void Communicator::wait_ready(const Deadline& deadline) {
  PollPause pause;
  for (;;) {
    ncclResult_t state = ncclSuccess;
    RACKPROOF_NCCL(ncclCommGetAsyncError(handle_, &state), handle_);
    if (state == ncclSuccess) {
      return;
    }
    throw_on_error(state, "the pending NCCL call", handle_);
    if (deadline.is_expired()) {
      abort();
      throw_timeout(*bootstrap_, deadline,
                    "NCCL communicator of " + std::to_string(bootstrap_->size()) + " ranks");
    }
    pause();
  }
}

void Communicator::check_async() const {
  ncclResult_t state = ncclSuccess;
  RACKPROOF_NCCL(ncclCommGetAsyncError(handle_, &state), handle_);
  throw_on_error(state, "an enqueued collective", handle_);
}

void Communicator::finalize(const Deadline& deadline) {
  if (handle_ == nullptr) {
    return;
  }
  RACKPROOF_NCCL(ncclCommFinalize(handle_), handle_);
  wait_ready(deadline);
  RACKPROOF_NCCL(ncclCommDestroy(std::exchange(handle_, nullptr)), nullptr);
}

void Communicator::abort() noexcept {
  if (handle_ != nullptr) {
    // Nobody is left to tell: the communicator goes either way.
    static_cast<void>(ncclCommAbort(std::exchange(handle_, nullptr)));
  }
}

void Communicator::adopt_rank_and_size() {
  RACKPROOF_NCCL(ncclCommUserRank(handle_, &rank_), handle_);
  RACKPROOF_NCCL(ncclCommCount(handle_, &size_), handle_);
}

NcclLibrary nccl_library() {
  NcclLibrary library;
  RACKPROOF_NCCL(ncclGetVersion(&library.version_code), nullptr);
  const int code = library.version_code;
  library.version = std::to_string(code / 10000) + "." + std::to_string(code / 100 % 100) + "." +
                    std::to_string(code % 100);
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&ncclGetVersion), &info) != 0 &&
      info.dli_fname != nullptr) {
    std::error_code error;
    const auto path = std::filesystem::canonical(info.dli_fname, error);
    library.file_name = error ? info.dli_fname : path.filename().string();
  }
  return library;
}

}  // namespace rackproof::collectives
