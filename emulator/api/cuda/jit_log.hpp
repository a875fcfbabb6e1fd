#pragma once
/// The buffers that programs give for messages of the compiler and linker (CUjit_option), and
/// loading images with them.

#include "emulator/engine/core.hpp"
#include "emulator/engine/modules.hpp"

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <string_view>

namespace rackproof::emulator::api {

class JitLog {
 public:
  JitLog() = default;
  /// Options and values as cuModuleLoadDataEx and cuLinkCreate take them; sizes of buffers are
  /// values cast to pointers.
  JitLog(unsigned count, const CUjit_option* options, void** values);
  /// Writes `problem` into the error log, cut to its size, and how many bytes it took. The
  /// information log stays empty.
  void report(std::string_view problem) const;

 private:
  char* errors_ = nullptr;
  std::size_t error_bytes_ = 0;
  void** error_size_ = nullptr;
  char* information_ = nullptr;
  std::size_t information_bytes_ = 0;
  void** information_size_ = nullptr;
};

/// Loads an image for the current device into `*handle`, a CUmodule or a CUlibrary: both are
/// modules.
template <typename Handle>
cudaError_t load_image(engine::Core& core, const void* image, const JitLog& log, Handle* handle) {
  if (handle == nullptr || image == nullptr) {
    return cudaErrorInvalidValue;
  }
  engine::Module* loaded = nullptr;
  const cudaError_t error =
      core.modules().load_image(image, engine::current_device().ordinal, &loaded);
  log.report(loaded == nullptr ? "" : loaded->problem());
  if (error != cudaSuccess && loaded != nullptr) {
    core.modules().unload(loaded);
  } else {
    *handle = reinterpret_cast<Handle>(loaded);
  }
  return error;
}

}  // namespace rackproof::emulator::api
