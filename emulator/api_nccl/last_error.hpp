#pragma once
/// The text behind ncclGetLastError.

#include <nccl.h>

#include <string>

namespace rackproof::emulator::api_nccl {

/// Remembers `message` for ncclGetLastError and returns `code`.
ncclResult_t report(ncclResult_t code, const std::string& message);

/// Valid until the calling thread asks again.
[[nodiscard]] const char* last_error();

/// ncclInvalidUsage; logs once that `function` is not there. Returns int because the generated
/// callers do not include nccl.h.
int refuse_unimplemented(const char* function);

}  // namespace rackproof::emulator::api_nccl
