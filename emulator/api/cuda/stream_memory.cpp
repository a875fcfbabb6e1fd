// Driver: words of memory that streams wait for and write (cuStreamWaitValue and relatives).

#include "emulator/api/cuda/driver_call.hpp"
#include "emulator/engine/collective_hook.hpp"
#include "emulator/engine/memory_map.hpp"

#include <cuda.h>

#include <atomic>
#include <cstdint>
#include <vector>

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::driver_call;
using engine::Core;
using engine::PollResult;

namespace {

/// One wait or write. Other processes and running kernels see the word at the same time.
struct WordOperation {
  enum class Kind : std::uint8_t { wait, write, fence } kind = Kind::fence;
  CUdeviceptr address = 0;
  std::uint64_t value = 0;
  bool is_wide = false;
  unsigned comparison = 0;  ///< CUstreamWaitValue_flags
};

bool is_met(std::uint64_t found, const WordOperation& wait) {
  const std::uint64_t mask = wait.is_wide ? ~std::uint64_t{0} : 0xffffffffU;
  switch (wait.comparison) {
    case CU_STREAM_WAIT_VALUE_GEQ:  // cyclic: (int)(found - value) >= 0
      return wait.is_wide ? static_cast<std::int64_t>(found - wait.value) >= 0
                          : static_cast<std::int32_t>(found - wait.value) >= 0;
    case CU_STREAM_WAIT_VALUE_EQ:
      return (found & mask) == (wait.value & mask);
    case CU_STREAM_WAIT_VALUE_AND:
      return (found & wait.value & mask) != 0;
    default:  // NOR
      return (~(found | wait.value) & mask) != 0;
  }
}

std::uint64_t load(const WordOperation& word) {
  return word.is_wide ? std::atomic_ref(*reinterpret_cast<std::uint64_t*>(word.address)).load()
                      : std::atomic_ref(*reinterpret_cast<std::uint32_t*>(word.address)).load();
}

void store(const WordOperation& word) {
  if (word.is_wide) {
    std::atomic_ref(*reinterpret_cast<std::uint64_t*>(word.address)).store(word.value);
  } else {
    std::atomic_ref(*reinterpret_cast<std::uint32_t*>(word.address))
        .store(static_cast<std::uint32_t>(word.value));
  }
}

cudaError_t check(const WordOperation& word) {
  if (word.kind == WordOperation::Kind::fence) {
    return cudaSuccess;
  }
  const std::uint64_t bytes = word.is_wide ? 8 : 4;
  const auto allocation = engine::MemoryMap::find(reinterpret_cast<const void*>(word.address));
  const bool is_inside = allocation && word.address % bytes == 0 &&
                         word.address + bytes <= allocation->base + allocation->size_bytes;
  return is_inside ? cudaSuccess : cudaErrorInvalidValue;
}

/// All operations of `words` in order, as one entry of the stream.
CUresult enqueue(const char* name, CUstream stream, std::vector<WordOperation> words) {
  return driver_call(name, [&](Core&) {
    for (const WordOperation& word : words) {
      if (const cudaError_t error = check(word); error != cudaSuccess) {
        return error;
      }
    }
    return engine::enqueue_polled(
        stream, name,
        [words = std::move(words), next = std::size_t{0}](engine::TimePs start) mutable {
          for (; next < words.size(); ++next) {
            const WordOperation& word = words[next];
            if (word.kind == WordOperation::Kind::wait && !is_met(load(word), word)) {
              return PollResult::pending();
            }
            if (word.kind == WordOperation::Kind::write) {
              store(word);
            }
            std::atomic_thread_fence(std::memory_order_seq_cst);
          }
          return PollResult::done(start);
        });
  });
}

constexpr unsigned kComparisons = 3;

CUresult wait(const char* name, CUstream stream, CUdeviceptr address, std::uint64_t value,
              unsigned flags, bool is_wide) {
  if ((flags & ~(kComparisons | static_cast<unsigned>(CU_STREAM_WAIT_VALUE_FLUSH))) != 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if ((flags & CU_STREAM_WAIT_VALUE_FLUSH) != 0) {
    return CUDA_ERROR_NOT_SUPPORTED;  // CAN_FLUSH_REMOTE_WRITES is 0
  }
  return enqueue(name, stream,
                 {{WordOperation::Kind::wait, address, value, is_wide, flags & kComparisons}});
}

CUresult write(const char* name, CUstream stream, CUdeviceptr address, std::uint64_t value,
               unsigned flags, bool is_wide) {
  return (flags & ~static_cast<unsigned>(CU_STREAM_WRITE_VALUE_NO_MEMORY_BARRIER)) != 0
             ? CUDA_ERROR_INVALID_VALUE
             : enqueue(name, stream, {{WordOperation::Kind::write, address, value, is_wide, 0}});
}

}  // namespace

extern "C" {

CUresult cuStreamWaitValue32(CUstream stream, CUdeviceptr address, cuuint32_t value,
                             unsigned flags) {
  return wait("cuStreamWaitValue32", stream, address, value, flags, false);
}
CUresult cuStreamWaitValue64(CUstream stream, CUdeviceptr address, cuuint64_t value,
                             unsigned flags) {
  return wait("cuStreamWaitValue64", stream, address, value, flags, true);
}
CUresult cuStreamWriteValue32(CUstream stream, CUdeviceptr address, cuuint32_t value,
                              unsigned flags) {
  return write("cuStreamWriteValue32", stream, address, value, flags, false);
}
CUresult cuStreamWriteValue64(CUstream stream, CUdeviceptr address, cuuint64_t value,
                              unsigned flags) {
  return write("cuStreamWriteValue64", stream, address, value, flags, true);
}
CUresult cuStreamBatchMemOp(CUstream stream, unsigned count, CUstreamBatchMemOpParams* operations,
                            unsigned flags) {
  constexpr unsigned kMostOperations = 256;
  if (count > kMostOperations || operations == nullptr || flags != 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  std::vector<WordOperation> words;
  for (unsigned i = 0; i < count; ++i) {
    const CUstreamBatchMemOpParams& one = operations[i];
    switch (one.operation) {
      case CU_STREAM_MEM_OP_WAIT_VALUE_32:
      case CU_STREAM_MEM_OP_WAIT_VALUE_64: {
        const bool is_wide = one.operation == CU_STREAM_MEM_OP_WAIT_VALUE_64;
        if ((one.waitValue.flags & CU_STREAM_WAIT_VALUE_FLUSH) != 0) {
          return CUDA_ERROR_NOT_SUPPORTED;
        }
        words.push_back({WordOperation::Kind::wait, one.waitValue.address,
                         is_wide ? one.waitValue.value64 : one.waitValue.value, is_wide,
                         one.waitValue.flags & kComparisons});
        break;
      }
      case CU_STREAM_MEM_OP_WRITE_VALUE_32:
      case CU_STREAM_MEM_OP_WRITE_VALUE_64: {
        const bool is_wide = one.operation == CU_STREAM_MEM_OP_WRITE_VALUE_64;
        words.push_back({WordOperation::Kind::write, one.writeValue.address,
                         is_wide ? one.writeValue.value64 : one.writeValue.value, is_wide, 0});
        break;
      }
      case CU_STREAM_MEM_OP_BARRIER:
        words.push_back({});
        break;
      default:
        return CUDA_ERROR_NOT_SUPPORTED;
    }
  }
  return enqueue("cuStreamBatchMemOp", stream, std::move(words));
}

}  // extern "C"
