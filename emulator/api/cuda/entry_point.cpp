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

// Functions that changed their parameters: since which CUDA version which symbol is the one.
// Source: the versions in the toolkit's cudaTypedefs.h (PFN_cuCtxCreate_v11040 and so on).
struct Version {
  const char* name;
  int since;
  const char* symbol;
};
constexpr Version kVersions[] = {
    {"cuCtxCreate", 3020, "cuCtxCreate_v2"},
    {"cuCtxCreate", 11040, "cuCtxCreate_v3"},
    {"cuCtxCreate", 12050, "cuCtxCreate_v4"},
    {"cuCtxGetDevice", 2000, "cuCtxGetDevice"},
    {"cuCtxGetDevice", 13000, "cuCtxGetDevice_v2"},
    {"cuCtxSynchronize", 2000, "cuCtxSynchronize"},
    {"cuCtxSynchronize", 13000, "cuCtxSynchronize_v2"},
    {"cuGetProcAddress", 11030, "cuGetProcAddress"},
    {"cuGetProcAddress", 12000, "cuGetProcAddress_v2"},
    {"cuMemAdvise", 8000, "cuMemAdvise"},
    {"cuMemAdvise", 12020, "cuMemAdvise_v2"},
    {"cuMemPrefetchAsync", 8000, "cuMemPrefetchAsync"},
    {"cuMemPrefetchAsync", 12020, "cuMemPrefetchAsync_v2"},
};

void* symbol(const std::string& name) {
  return dlsym(own_library(), name.c_str());
}

// "cuMemAlloc" is exported as cuMemAlloc_v2; where the version decides, the newest that a program
// of `version` knows.
void* find(const std::string& name, int version, bool& is_too_old) {
  const char* versioned = nullptr;
  is_too_old = false;
  for (const Version& entry : kVersions) {
    if (name == entry.name) {
      is_too_old = versioned == nullptr && entry.since > version;
      versioned = entry.since <= version ? entry.symbol : versioned;
    }
  }
  if (versioned != nullptr || is_too_old) {
    return versioned == nullptr ? nullptr : symbol(versioned);
  }
  for (const char* suffix : {"_v4", "_v3", "_v2", ""}) {
    if (void* function = symbol(name + suffix)) {
      return function;
    }
  }
  return nullptr;
}

}  // namespace

extern "C" {

CUresult cuGetProcAddress_v2(const char* name, void** function, int version, cuuint64_t flags,
                             CUdriverProcAddressQueryResult* status) {
  if (name == nullptr || function == nullptr) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  const bool per_thread = (flags & CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM) != 0;
  bool is_too_old = false;
  *function = per_thread ? find(std::string(name) + "_ptsz", version, is_too_old) : nullptr;
  if (*function == nullptr) {
    *function = find(name, version, is_too_old);
  }
  if (status != nullptr) {
    *status = *function != nullptr ? CU_GET_PROC_ADDRESS_SUCCESS
              : is_too_old         ? CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT
                                   : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  }
  // A look-up is a question, not a call: NVIDIA's runtime asks for hundreds of names at once.
  return *function == nullptr ? CUDA_ERROR_NOT_FOUND : CUDA_SUCCESS;
}
#undef cuGetProcAddress
CUresult cuGetProcAddress(const char* name, void** function, int version, cuuint64_t flags) {
  return cuGetProcAddress_v2(name, function, version, flags, nullptr);
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
