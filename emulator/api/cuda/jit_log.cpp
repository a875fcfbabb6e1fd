#include "emulator/api/cuda/jit_log.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace rackproof::emulator::api {

JitLog::JitLog(unsigned count, const CUjit_option* options, void** values) {
  for (unsigned i = 0; options != nullptr && values != nullptr && i < count; ++i) {
    const auto size = static_cast<std::size_t>(reinterpret_cast<std::uintptr_t>(values[i]));
    switch (options[i]) {
      case CU_JIT_ERROR_LOG_BUFFER:
        errors_ = static_cast<char*>(values[i]);
        break;
      case CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES:
        error_bytes_ = size;
        error_size_ = &values[i];
        break;
      case CU_JIT_INFO_LOG_BUFFER:
        information_ = static_cast<char*>(values[i]);
        break;
      case CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES:
        information_bytes_ = size;
        information_size_ = &values[i];
        break;
      default:
        break;  // how to compile: of no effect on what the emulator runs
    }
  }
}

void JitLog::report(std::string_view problem) const {
  std::size_t written = 0;
  if (errors_ != nullptr && error_bytes_ > 0) {
    written = std::min(problem.size(), error_bytes_ - 1);
    std::copy_n(problem.data(), written, errors_);
    errors_[written] = '\0';
  }
  if (error_size_ != nullptr) {
    *error_size_ = reinterpret_cast<void*>(written);
  }
  if (information_ != nullptr && information_bytes_ > 0) {
    information_[0] = '\0';
  }
  if (information_size_ != nullptr) {
    *information_size_ = nullptr;
  }
}

}  // namespace rackproof::emulator::api
