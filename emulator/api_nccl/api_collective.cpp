// Collectives, groups and memory.
#include "emulator/api_nccl/element.hpp"
#include "emulator/api_nccl/exchange.hpp"
#include "emulator/api_nccl/group.hpp"
#include "emulator/api_nccl/handle.hpp"
#include "emulator/api_nccl/last_error.hpp"

#include <cuda_runtime_api.h>

#include <string>

namespace {

using namespace rackproof::emulator::api_nccl;

/// Device memory is read and written through these addresses: host memory would be silently right.
bool is_device_memory(const void* pointer) {
  cudaPointerAttributes attributes{};
  if (cudaPointerGetAttributes(&attributes, pointer) != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    return false;
  }
  return attributes.type != cudaMemoryTypeUnregistered;
}

ncclResult_t run(ncclComm_t comm, const Call& call, cudaStream_t stream, bool needs_receive) {
  const std::string name = exchange(call.kind).name;
  const auto refuse = [&name](const char* problem) {
    return fail_group(report(ncclInvalidArgument, name + ": " + problem));
  };
  if (!is_valid(comm)) {
    return refuse("not a communicator");
  }
  if (element_bytes(call.type) == 0) {
    return refuse("unknown data type");
  }
  if (call.op < ncclSum || call.op > ncclAvg) {
    return refuse("unknown reduction");
  }
  const ncclResult_t state = progress(*comm->state);
  if (state != ncclSuccess) {
    return fail_group(state == ncclInProgress
                          ? report(ncclInvalidUsage, name + ": the communicator is not ready")
                          : state);
  }
  if (call.root < 0 || call.root >= comm->state->ranks) {
    return refuse("no such root");
  }
  if (call.count == 0) {
    return ncclSuccess;
  }
  if (!is_device_memory(call.send)) {
    return refuse("sendbuff is not memory that the device can reach");
  }
  if (needs_receive && !is_device_memory(call.receive)) {
    return refuse("recvbuff is not memory that the device can reach");
  }
  return submit(comm->state, call, stream);
}

Call make_call(Kind kind, const void* send, void* receive, std::size_t count, ncclDataType_t type) {
  Call call;
  call.kind = kind;
  call.send = static_cast<const std::byte*>(send);
  call.receive = static_cast<std::byte*>(receive);
  call.count = count;
  call.type = type;
  return call;
}

}  // namespace

extern "C" {

ncclResult_t ncclAllReduce(const void* sendbuff, void* recvbuff, size_t count,
                           ncclDataType_t datatype, ncclRedOp_t op, ncclComm_t comm,
                           cudaStream_t stream) {
  Call call = make_call(Kind::all_reduce, sendbuff, recvbuff, count, datatype);
  call.op = op;
  return run(comm, call, stream, true);
}

ncclResult_t ncclReduce(const void* sendbuff, void* recvbuff, size_t count, ncclDataType_t datatype,
                        ncclRedOp_t op, int root, ncclComm_t comm, cudaStream_t stream) {
  Call call = make_call(Kind::reduce, sendbuff, recvbuff, count, datatype);
  call.op = op;
  call.root = root;
  return run(comm, call, stream, is_valid(comm) && comm->state->rank == root);
}

ncclResult_t ncclReduceScatter(const void* sendbuff, void* recvbuff, size_t recvcount,
                               ncclDataType_t datatype, ncclRedOp_t op, ncclComm_t comm,
                               cudaStream_t stream) {
  Call call = make_call(Kind::reduce_scatter, sendbuff, recvbuff, recvcount, datatype);
  call.op = op;
  return run(comm, call, stream, true);
}

ncclResult_t ncclBroadcast(const void* sendbuff, void* recvbuff, size_t count,
                           ncclDataType_t datatype, int root, ncclComm_t comm,
                           cudaStream_t stream) {
  Call call = make_call(Kind::broadcast, sendbuff, recvbuff, count, datatype);
  call.root = root;
  if (is_valid(comm) && comm->state->rank != root) {
    // Only the root's sendbuff counts; others may pass anything.
    call.send = call.receive;
  }
  return run(comm, call, stream, true);
}

ncclResult_t ncclBcast(void* buff, size_t count, ncclDataType_t datatype, int root, ncclComm_t comm,
                       cudaStream_t stream) {
  return ncclBroadcast(buff, buff, count, datatype, root, comm, stream);
}

ncclResult_t ncclAllGather(const void* sendbuff, void* recvbuff, size_t sendcount,
                           ncclDataType_t datatype, ncclComm_t comm, cudaStream_t stream) {
  return run(comm, make_call(Kind::all_gather, sendbuff, recvbuff, sendcount, datatype), stream,
             true);
}

#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 28, 0)
ncclResult_t ncclAlltoAll(const void* sendbuff, void* recvbuff, size_t count,
                          ncclDataType_t datatype, ncclComm_t comm, cudaStream_t stream) {
  return run(comm, make_call(Kind::all_to_all, sendbuff, recvbuff, count, datatype), stream, true);
}
#endif

ncclResult_t ncclGroupStart() {
  group_start();
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() {
  return group_end();
}

ncclResult_t ncclMemAlloc(void** ptr, size_t size) {
  return cudaMalloc(ptr, size) == cudaSuccess
             ? ncclSuccess
             : report(ncclUnhandledCudaError, "ncclMemAlloc: cudaMalloc failed");
}

ncclResult_t ncclMemFree(void* ptr) {
  return cudaFree(ptr) == cudaSuccess
             ? ncclSuccess
             : report(ncclUnhandledCudaError, "ncclMemFree: cudaFree failed");
}

// Registration speeds up real transports; here every buffer is reached the same way.
ncclResult_t ncclCommRegister(const ncclComm_t comm, void* buff, size_t size, void** handle) {
  if (!is_valid(comm) || buff == nullptr || size == 0 || handle == nullptr) {
    return report(ncclInvalidArgument, "ncclCommRegister: needs a communicator and a buffer");
  }
  *handle = buff;
  return ncclSuccess;
}

ncclResult_t ncclCommDeregister(const ncclComm_t comm, void* handle) {
  return is_valid(comm) && handle != nullptr
             ? ncclSuccess
             : report(ncclInvalidArgument, "ncclCommDeregister: not a registration");
}

ncclResult_t ncclCommWindowRegister(ncclComm_t comm, void* buff, size_t size, ncclWindow_t* win,
                                    int) {
  return ncclCommRegister(comm, buff, size, reinterpret_cast<void**>(win));
}

ncclResult_t ncclCommWindowDeregister(ncclComm_t comm, ncclWindow_t win) {
  return ncclCommDeregister(comm, win);
}

}  // extern "C"
