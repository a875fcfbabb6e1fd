#pragma once
/// Names and descriptions of CUDA's error codes.

#include <cuda_runtime_api.h>

namespace rackproof::emulator::api {

/// "cudaErrorInvalidValue"; "unrecognized error code" for unknown ones.
[[nodiscard]] const char* error_name(cudaError_t error);
/// One sentence.
[[nodiscard]] const char* error_description(cudaError_t error);
/// nullptr for codes that there are not.
[[nodiscard]] const char* find_error_name(int code);

}  // namespace rackproof::emulator::api
