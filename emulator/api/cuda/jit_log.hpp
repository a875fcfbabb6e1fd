#pragma once
/// The buffers that programs give for messages of the compiler and linker (CUjit_option).

#include <cuda.h>

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

}  // namespace rackproof::emulator::api
