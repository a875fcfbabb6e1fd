// Driver: functions by name.

#include <cuda.h>

#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <mutex>
#include <string>

namespace {

// This library itself: names must not resolve to another libcuda in the process.
void* own_library() {
  static void* const handle = [] {
    Dl_info info{};
    return dladdr(reinterpret_cast<void*>(&cuInit), &info) != 0
               ? dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD)
               : nullptr;
  }();
  return handle;
}

// The newest version of a function: "cuMemAlloc" is exported as cuMemAlloc_v2.
void* find_newest(const char* name) {
  for (const char* suffix : {"_v4", "_v3", "_v2", ""}) {
    if (void* function = dlsym(own_library(), (std::string(name) + suffix).c_str())) {
      return function;
    }
  }
  return nullptr;
}

}  // namespace

extern "C" {

CUresult cuGetProcAddress(const char* name, void** function, int /*version*/, cuuint64_t /*flags*/,
                          CUdriverProcAddressQueryResult* status) {
  if (name == nullptr || function == nullptr) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  *function = find_newest(name);
  if (status != nullptr) {
    *status =
        *function != nullptr ? CU_GET_PROC_ADDRESS_SUCCESS : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  }
  if (*function == nullptr) {
    // A look-up is a question, not a call: NVIDIA's runtime asks for hundreds of names at once.
    return CUDA_ERROR_NOT_FOUND;
  }
  return CUDA_SUCCESS;
}

// Private tables of the driver are not offered. NVIDIA's own runtime asks for one first, so this is
// also where a program that carries that runtime inside shows itself.
CUresult cuGetExportTable(const void** table, const CUuuid* /*id*/) {
  static std::once_flag said;
  std::call_once(said, [] {
    std::fprintf(
        stderr,
        "rackproof emulator: this program (or a library of it) carries NVIDIA's CUDA runtime "
        "inside, which runs on a GPU only; build it with nvcc -cudart shared\n");
  });
  *table = nullptr;
  return CUDA_ERROR_NOT_FOUND;
}

}  // extern "C"
