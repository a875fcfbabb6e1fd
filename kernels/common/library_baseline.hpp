#pragma once
/// What a baseline from a vendor's library needs before it can run.

#include "kernels/operation.hpp"

#include <optional>
#include <string>

namespace rackproof::kernels {

/// Why the current device cannot run NVIDIA's libraries, or nothing. They carry their own CUDA
/// runtime, which talks to NVIDIA's driver: a device that is not a GPU says so in its name.
[[nodiscard]] std::optional<NotSupported> device_is_not_a_gpu();

/// A shared library loaded at run time; closed at destruction.
class SharedLibrary {
 public:
  /// Loads the first of `names` that is found; the object is false if none is.
  explicit SharedLibrary(std::initializer_list<const char*> names);
  ~SharedLibrary();
  SharedLibrary(const SharedLibrary&) = delete;
  SharedLibrary& operator=(const SharedLibrary&) = delete;

  explicit operator bool() const noexcept { return handle_ != nullptr; }
  /// The loader's message if nothing was loaded.
  [[nodiscard]] const std::string& error() const noexcept { return error_; }
  /// nullptr if the library has no such symbol.
  [[nodiscard]] void* symbol(const char* name) const;

 private:
  void* handle_ = nullptr;
  std::string error_;
};

}  // namespace rackproof::kernels
