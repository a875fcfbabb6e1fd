#include "runtime/error.hpp"

#include <cstdio>

namespace rackproof::runtime {
namespace {

std::string describe(cudaError_t code, const char* expression, const std::source_location& where) {
  return std::string(where.file_name()) + ":" + std::to_string(where.line()) + ": " + expression +
         " returned " + cudaGetErrorName(code) + " (" + cudaGetErrorString(code) + ")";
}

}  // namespace

CudaError::CudaError(cudaError_t code, const char* expression, std::source_location where)
    : std::runtime_error(describe(code, expression, where)), code_(code) {}

void throw_on_error(cudaError_t code, const char* expression, std::source_location where) {
  if (code == cudaSuccess) {
    return;
  }
  // A non-sticky error would otherwise surface again at an unrelated cudaGetLastError.
  static_cast<void>(cudaGetLastError());
  throw CudaError(code, expression, where);
}

void warn_on_error(cudaError_t code, const char* expression, std::source_location where) noexcept {
  if (code != cudaSuccess) {
    std::fprintf(stderr, "rackproof: %s:%u: %s returned %s\n", where.file_name(), where.line(),
                 expression, cudaGetErrorName(code));
  }
}

}  // namespace rackproof::runtime
