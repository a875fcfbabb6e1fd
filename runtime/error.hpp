#pragma once
/// Typed exceptions and the check macro for CUDA runtime calls.

#include <cuda_runtime_api.h>

#include <source_location>
#include <stdexcept>
#include <string>

namespace rackproof::runtime {

/// A CUDA runtime call failed. what() names the error, its text, the expression and file:line.
class CudaError : public std::runtime_error {
 public:
  CudaError(cudaError_t code, const char* expression, std::source_location where);
  [[nodiscard]] cudaError_t code() const noexcept { return code_; }

 private:
  cudaError_t code_;
};

/// Something this device, driver or build does not offer: a state to report, never a crash.
class NotAvailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws CudaError if `code` is not cudaSuccess, after clearing the non-sticky error.
void throw_on_error(cudaError_t code, const char* expression,
                    std::source_location where = std::source_location::current());

/// For destructors and other noexcept paths: prints the error and goes on.
void warn_on_error(cudaError_t code, const char* expression,
                   std::source_location where = std::source_location::current()) noexcept;

}  // namespace rackproof::runtime

#define RACKPROOF_CUDA(call) ::rackproof::runtime::throw_on_error((call), #call)
#define RACKPROOF_CUDA_NOEXCEPT(call) ::rackproof::runtime::warn_on_error((call), #call)
