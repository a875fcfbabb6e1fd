// Communicators: creation, state, destruction. Semantics: nccl.h of the toolkit, and NVIDIA's NCCL
// user guide, "Creating a Communicator" and "Fault Tolerance".
#include "emulator/api_nccl/communicator.hpp"
#include "emulator/api_nccl/group.hpp"
#include "emulator/api_nccl/handle.hpp"
#include "emulator/api_nccl/last_error.hpp"
#include "emulator/engine/collective_hook.hpp"

#include <cuda_runtime_api.h>

#include <cstring>
#include <exception>
#include <string>
#include <utility>

namespace {

using namespace rackproof::emulator::api_nccl;

constexpr unsigned kConfigMagic = 0xcafebeef;  // NCCL_CONFIG_INITIALIZER

ncclResult_t invalid_argument(const char* function, const char* problem) {
  return fail_group(report(ncclInvalidArgument, std::string(function) + ": " + problem));
}

/// The blocking flag of `config`; nullopt semantics: a null config inherits.
ncclResult_t read_config(const ncclConfig_t* config, bool& blocking) {
  if (config == nullptr) {
    return ncclSuccess;
  }
  if (config->magic != kConfigMagic) {
    return report(ncclInvalidArgument, "ncclConfig_t was not set to NCCL_CONFIG_INITIALIZER");
  }
  if (config->blocking != NCCL_CONFIG_UNDEF_INT) {
    if (config->blocking != 0 && config->blocking != 1) {
      return report(ncclInvalidArgument, "ncclConfig_t: blocking must be 0 or 1");
    }
    blocking = config->blocking == 1;
  }
  return ncclSuccess;
}

ncclResult_t init_rank(const char* function, ncclComm_t* comm, int ranks, const ncclUniqueId& id,
                       int rank, const ncclConfig_t* config) {
  if (comm == nullptr || ranks < 1 || rank < 0 || rank >= ranks) {
    return invalid_argument(function, "needs a place for the result and 0 <= rank < nranks");
  }
  bool blocking = true;
  if (const ncclResult_t result = read_config(config, blocking); result != ncclSuccess) {
    return fail_group(result);
  }
  *comm = nullptr;
  SegmentId segment;
  std::memcpy(&segment, id.internal, sizeof segment);
  try {
    auto state = join(segment, rank, ranks, blocking);
    *comm = new ncclComm{.state = state};
    return complete(state);
  } catch (const SegmentError& error) {
    return fail_group(report(ncclInvalidUsage, std::string(function) + ": " + error.what()));
  } catch (const std::exception& error) {
    return fail_group(report(ncclUnhandledCudaError, std::string(function) + ": " + error.what()));
  }
}

void release(ncclComm_t comm) {
  comm->magic = 0;
  delete comm;
}

}  // namespace

static_assert(sizeof(SegmentId) <= NCCL_UNIQUE_ID_BYTES);

extern "C" {

ncclResult_t ncclGetVersion(int* version) {
  if (version == nullptr) {
    return invalid_argument("ncclGetVersion", "version is null");
  }
  *version = NCCL_VERSION_CODE;
  return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* uniqueId) {
  if (uniqueId == nullptr) {
    return invalid_argument("ncclGetUniqueId", "uniqueId is null");
  }
  try {
    const SegmentId id = Segment::create();
    *uniqueId = {};
    std::memcpy(uniqueId->internal, &id, sizeof id);
    return ncclSuccess;
  } catch (const SegmentError& error) {
    return report(ncclSystemError, std::string("ncclGetUniqueId: ") + error.what());
  }
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int nranks, ncclUniqueId commId, int rank,
                                    ncclConfig_t* config) {
  return init_rank("ncclCommInitRankConfig", comm, nranks, commId, rank, config);
}

ncclResult_t ncclCommInitRank(ncclComm_t* comm, int nranks, ncclUniqueId commId, int rank) {
  return init_rank("ncclCommInitRank", comm, nranks, commId, rank, nullptr);
}

ncclResult_t ncclCommInitRankScalable(ncclComm_t* newcomm, int nranks, int myrank, int nId,
                                      ncclUniqueId* commIds, ncclConfig_t* config) {
  if (nId < 1 || commIds == nullptr) {
    return invalid_argument("ncclCommInitRankScalable", "needs at least one unique id");
  }
  // One meeting point is enough here; all ranks pass the same list.
  return init_rank("ncclCommInitRankScalable", newcomm, nranks, commIds[0], myrank, config);
}

ncclResult_t ncclCommInitAll(ncclComm_t* comm, int ndev, const int* devlist) {
  if (comm == nullptr || ndev < 1) {
    return invalid_argument("ncclCommInitAll", "needs a place for the result and ndev >= 1");
  }
  ncclUniqueId id{};
  if (const ncclResult_t result = ncclGetUniqueId(&id); result != ncclSuccess) {
    return result;
  }
  int former = 0;
  if (cudaGetDevice(&former) != cudaSuccess) {
    return report(ncclUnhandledCudaError, "ncclCommInitAll: no device");
  }
  group_start();
  ncclResult_t first_error = ncclSuccess;
  for (int rank = 0; rank < ndev && first_error == ncclSuccess; ++rank) {
    const int device = devlist == nullptr ? rank : devlist[rank];
    first_error = cudaSetDevice(device) == cudaSuccess
                      ? init_rank("ncclCommInitAll", &comm[rank], ndev, id, rank, nullptr)
                      : invalid_argument("ncclCommInitAll", "no such device");
  }
  const ncclResult_t result = group_end();
  static_cast<void>(cudaSetDevice(former));
  return first_error != ncclSuccess ? first_error : result;
}

ncclResult_t ncclCommSplit(ncclComm_t comm, int color, int key, ncclComm_t* newcomm,
                           ncclConfig_t* config) {
  if (!is_valid(comm) || newcomm == nullptr || (color < 0 && color != NCCL_SPLIT_NOCOLOR)) {
    return invalid_argument("ncclCommSplit",
                            "needs a communicator, a place for the result and a "
                            "color >= 0 or NCCL_SPLIT_NOCOLOR");
  }
  bool blocking = comm->state->blocking;
  if (const ncclResult_t result = read_config(config, blocking); result != ncclSuccess) {
    return fail_group(result);
  }
  const ncclResult_t ready = progress(*comm->state);
  if (ready != ncclSuccess) {
    return fail_group(report(ncclInvalidUsage, "ncclCommSplit: the communicator is not ready"));
  }
  *newcomm = nullptr;
  const auto child = start_split(comm->state, color, key, blocking);
  if (child != nullptr) {
    *newcomm = new ncclComm{.state = child};
  }
  const ncclResult_t parent_state = complete(comm->state);
  if (child == nullptr || (parent_state != ncclSuccess && parent_state != ncclInProgress)) {
    return parent_state;
  }
  const ncclResult_t child_state = complete(child);
  return parent_state == ncclInProgress ? parent_state : child_state;
}

ncclResult_t ncclCommFinalize(ncclComm_t comm) {
  if (!is_valid(comm)) {
    return invalid_argument("ncclCommFinalize", "not a communicator");
  }
  start_finalize(comm->state);
  return complete(comm->state);
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  if (comm == nullptr) {
    return ncclSuccess;
  }
  if (!is_valid(comm)) {
    return invalid_argument("ncclCommDestroy", "not a communicator");
  }
  // Ends what is pending first; a communicator in error has nothing to wait for.
  if (wait_until_ready(*comm->state) == ncclSuccess) {
    start_finalize(comm->state);
    wait_until_ready(*comm->state);
  }
  release(comm);
  return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
  if (comm == nullptr) {
    return ncclSuccess;
  }
  if (!is_valid(comm)) {
    return invalid_argument("ncclCommAbort", "not a communicator");
  }
  {
    const std::lock_guard lock(comm->state->mutex);
    comm->state->aborted = true;
    comm->state->task = nullptr;
  }
  rackproof::emulator::engine::wake_executor();
  release(comm);
  return ncclSuccess;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* asyncError) {
  if (!is_valid(comm) || asyncError == nullptr) {
    return invalid_argument("ncclCommGetAsyncError", "needs a communicator and a place");
  }
  *asyncError = progress(*comm->state);
  return ncclSuccess;
}

ncclResult_t ncclCommCount(const ncclComm_t comm, int* count) {
  if (!is_valid(comm) || count == nullptr) {
    return invalid_argument("ncclCommCount", "needs a communicator and a place");
  }
  *count = comm->state->ranks;
  return ncclSuccess;
}

ncclResult_t ncclCommCuDevice(const ncclComm_t comm, int* device) {
  if (!is_valid(comm) || device == nullptr) {
    return invalid_argument("ncclCommCuDevice", "needs a communicator and a place");
  }
  *device = comm->state->device;
  return ncclSuccess;
}

ncclResult_t ncclCommUserRank(const ncclComm_t comm, int* rank) {
  if (!is_valid(comm) || rank == nullptr) {
    return invalid_argument("ncclCommUserRank", "needs a communicator and a place");
  }
  *rank = comm->state->rank;
  return ncclSuccess;
}

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return "no error";
    case ncclUnhandledCudaError:
      return "unhandled cuda error";
    case ncclSystemError:
      return "unhandled system error";
    case ncclInternalError:
      return "internal error";
    case ncclInvalidArgument:
      return "invalid argument";
    case ncclInvalidUsage:
      return "invalid usage";
    case ncclRemoteError:
      return "remote process exited or there was a network error";
    case ncclInProgress:
      return "NCCL operation in progress";
    default:
      return "unknown result code";
  }
}

const char* ncclGetLastError(ncclComm_t) {
  return last_error();
}

void ncclResetDebugInit() {}

}  // extern "C"
