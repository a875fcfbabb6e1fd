// Driver: functions by name.

#include <cuda.h>

#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <mutex>
#include <set>
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

void say_missing(const std::string& name) {
  static std::mutex* const mutex = new std::mutex;
  static auto* const said = new std::set<std::string>;
  const std::scoped_lock lock(*mutex);
  if (said->insert(name).second) {
    std::fprintf(stderr, "rackproof emulator: %s is not emulated (CUDA_ERROR_NOT_FOUND)\n",
                 name.c_str());
  }
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
    say_missing(name);
    return CUDA_ERROR_NOT_FOUND;
  }
  return CUDA_SUCCESS;
}

// Private tables of the driver are not offered.
CUresult cuGetExportTable(const void** table, const CUuuid* /*id*/) {
  *table = nullptr;
  return CUDA_ERROR_NOT_FOUND;
}

}  // extern "C"
