// A CUDA and NVML program that prints what it is told, one key=value a line.
//
//   probe describe          properties, attributes, NVML answers of device 0 and of the tray
//   probe ipc HEX           opens a cudaIpcMemHandle_t, prints element 0, writes 77 to element 1
//   probe fabric HEX        the same through a CUmemFabricHandle
//   probe pool PATH HEX     the same through a pool's descriptor and a cudaMemPoolPtrExportData
//   probe event HEX         waits for a cudaIpcEventHandle_t, then records it

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <string>

namespace {

void say(const char* key, const std::string& value) {
  std::printf("%s=%s\n", key, value.c_str());
}
void say(const char* key, long long value) {
  say(key, std::to_string(value));
}

template <typename Function>
Function look_up(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
}

void describe_attribute(const char* key, cudaDeviceAttr attribute) {
  int value = 0;
  const cudaError_t error = cudaDeviceGetAttribute(&value, attribute, 0);
  say(key, error == cudaSuccess ? std::to_string(value) : cudaGetErrorName(error));
}

// Layouts as in NVIDIA's nvml.h, written down here a second time on purpose.
struct Platform {
  unsigned version;
  unsigned char guid[16];
  unsigned char chassis[16];
  unsigned char slot, tray, host, peer, module;
};
struct Fabric {
  unsigned version;
  unsigned char uuid[16];
  int status;
  unsigned clique;
  unsigned char state;
  unsigned health;
  unsigned char summary;
};

int describe_nvml() {
  void* library = dlopen("libnvidia-ml.so.1", RTLD_NOW);
  if (library == nullptr) {
    say("nvml", dlerror());
    return 1;
  }
  using Device = void*;
  const auto init = look_up<int (*)()>(library, "nvmlInit_v2");
  const auto count = look_up<int (*)(unsigned*)>(library, "nvmlDeviceGetCount_v2");
  const auto handle = look_up<int (*)(unsigned, Device*)>(library, "nvmlDeviceGetHandleByIndex_v2");
  const auto name = look_up<int (*)(Device, char*, unsigned)>(library, "nvmlDeviceGetName");
  const auto serial = look_up<int (*)(Device, char*, unsigned)>(library, "nvmlDeviceGetSerial");
  const auto capability =
      look_up<int (*)(Device, int*, int*)>(library, "nvmlDeviceGetCudaComputeCapability");
  const auto platform = look_up<int (*)(Device, Platform*)>(library, "nvmlDeviceGetPlatformInfo");
  const auto fabric = look_up<int (*)(Device, Fabric*)>(library, "nvmlDeviceGetGpuFabricInfoV");
  const auto power = look_up<int (*)(Device, unsigned*)>(library, "nvmlDeviceGetPowerUsage");
  const auto clock = look_up<int (*)(Device, int, unsigned*)>(library, "nvmlDeviceGetMaxClockInfo");
  const auto link = look_up<int (*)(Device, unsigned, int*)>(library, "nvmlDeviceGetNvLinkState");
  const auto driver = look_up<int (*)(char*, unsigned)>(library, "nvmlSystemGetDriverVersion");
  unsigned devices = 0;
  say("nvml_before_init", count(&devices));
  say("nvml_init", init());
  say("nvml_count_result", count(&devices));
  say("nvml_count", devices);
  Device device = nullptr;
  say("nvml_handle_beyond", handle(devices, &device));
  say("nvml_handle", handle(0, &device));
  char text[96] = {};
  name(device, text, sizeof text);
  say("nvml_name", text);
  say("nvml_short_buffer", name(device, text, 4));
  serial(device, text, sizeof text);
  say("nvml_serial", text);
  driver(text, sizeof text);
  say("nvml_driver", text);
  int major = 0;
  int minor = 0;
  capability(device, &major, &minor);
  say("nvml_cc", major * 10 + minor);
  unsigned value = 0;
  say("nvml_power", power(device, &value));
  say("nvml_sm_clock", clock(device, 1, &value) == 0 ? value : 0);
  say("nvml_memory_clock_result", clock(device, 2, &value));
  unsigned links = 0;
  for (int active = 0; link(device, links, &active) == 0 && active == 1; ++links) {
  }
  say("nvml_links", links);
  Platform place{};
  place.version = sizeof place | 2U << 24U;
  say("nvml_platform", platform(device, &place));
  say("nvml_chassis", reinterpret_cast<const char*>(place.chassis));
  say("nvml_tray", place.tray);
  say("nvml_module", place.module);
  place.version = 1234;
  say("nvml_platform_bad_version", platform(device, &place));
  Fabric cluster{};
  cluster.version = sizeof cluster | 3U << 24U;
  say("nvml_fabric", fabric(device, &cluster));
  say("nvml_state", cluster.state);
  say("nvml_clique", cluster.clique);
  say("nvml_health", cluster.health);
  return 0;
}

int describe() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  say("count_error", cudaGetErrorName(error));
  say("count", count);
  if (error != cudaSuccess) {
    return 1;
  }
  cudaDeviceProp properties{};
  if (cudaGetDeviceProperties(&properties, 0) != cudaSuccess) {
    return 1;
  }
  say("name", properties.name);
  say("cc", properties.major * 10 + properties.minor);
  say("multiprocessors", properties.multiProcessorCount);
  say("memory_mib", static_cast<long long>(properties.totalGlobalMem >> 20U));
  say("shared_optin", static_cast<long long>(properties.sharedMemPerBlockOptin));
  say("l2", properties.l2CacheSize);
  say("clusters", properties.clusterLaunch);
  describe_attribute("clock_khz", cudaDevAttrClockRate);
  describe_attribute("memory_clock_khz", cudaDevAttrMemoryClockRate);
  char bus[32] = {};
  if (cudaDeviceGetPCIBusId(bus, sizeof bus, 0) == cudaSuccess) {
    say("bus", bus);
  }
  return describe_nvml();
}

bool decode(const char* hex, void* bytes, std::size_t size) {
  if (std::strlen(hex) != 2 * size) {
    return false;
  }
  for (std::size_t i = 0; i < size; ++i) {
    const char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
    static_cast<unsigned char*>(bytes)[i] =
        static_cast<unsigned char>(std::strtoul(pair, nullptr, 16));
  }
  return true;
}

int touch(int* memory) {
  int first = 0;
  const int answer = 77;
  if (cudaMemcpy(&first, memory, 4, cudaMemcpyDeviceToHost) != cudaSuccess ||
      cudaMemcpy(memory + 1, &answer, 4, cudaMemcpyHostToDevice) != cudaSuccess) {
    return 1;
  }
  say("first", first);
  return 0;
}

int open_ipc(const char* hex) {
  cudaIpcMemHandle_t handle{};
  void* memory = nullptr;
  if (!decode(hex, &handle, sizeof handle)) {
    return 2;
  }
  const cudaError_t error = cudaIpcOpenMemHandle(&memory, handle, cudaIpcMemLazyEnablePeerAccess);
  say("open", cudaGetErrorName(error));
  return error == cudaSuccess && touch(static_cast<int*>(memory)) == 0 &&
                 cudaIpcCloseMemHandle(memory) == cudaSuccess
             ? 0
             : 1;
}

int open_pool(const char* path, const char* hex) {
  cudaMemPoolPtrExportData data{};
  const int file = open(path, O_RDWR);
  if (!decode(hex, &data, sizeof data) || file < 0) {
    return 2;
  }
  cudaMemPool_t pool = nullptr;
  void* memory = nullptr;
  cudaError_t error = cudaMemPoolImportFromShareableHandle(
      &pool, reinterpret_cast<void*>(static_cast<std::intptr_t>(file)),
      cudaMemHandleTypePosixFileDescriptor, 0);
  if (error == cudaSuccess) {
    error = cudaMemPoolImportPointer(&memory, pool, &data);
  }
  say("open", cudaGetErrorName(error));
  return error == cudaSuccess && touch(static_cast<int*>(memory)) == 0 &&
                 cudaFreeAsync(memory, nullptr) == cudaSuccess &&
                 cudaDeviceSynchronize() == cudaSuccess && cudaMemPoolDestroy(pool) == cudaSuccess
             ? 0
             : 1;
}

int await_event(const char* hex) {
  cudaIpcEventHandle_t handle{};
  cudaEvent_t event = nullptr;
  if (!decode(hex, &handle, sizeof handle)) {
    return 2;
  }
  const cudaError_t error = cudaIpcOpenEventHandle(&event, handle);
  say("open", cudaGetErrorName(error));
  if (error != cudaSuccess) {
    return 1;
  }
  say("query", cudaGetErrorName(cudaEventQuery(event)));
  cudaStream_t stream = nullptr;
  const bool is_ordered = cudaStreamCreate(&stream) == cudaSuccess &&
                          cudaStreamWaitEvent(stream, event, 0) == cudaSuccess &&
                          cudaStreamSynchronize(stream) == cudaSuccess &&
                          cudaEventSynchronize(event) == cudaSuccess;
  say("reached", cudaGetErrorName(cudaEventQuery(event)));
  return is_ordered && cudaEventRecord(event, stream) == cudaSuccess &&
                 cudaStreamSynchronize(stream) == cudaSuccess
             ? 0
             : 1;
}

int open_fabric(const char* hex) {
  CUmemFabricHandle name{};
  if (!decode(hex, &name, sizeof name)) {
    return 2;
  }
  void* library = dlopen("libcuda.so.1", RTLD_NOW);
  const auto import =
      look_up<decltype(&cuMemImportFromShareableHandle)>(library, "cuMemImportFromShareableHandle");
  const auto reserve = look_up<decltype(&cuMemAddressReserve)>(library, "cuMemAddressReserve");
  const auto map = look_up<decltype(&cuMemMap)>(library, "cuMemMap");
  const auto access = look_up<decltype(&cuMemSetAccess)>(library, "cuMemSetAccess");
  const auto init = look_up<decltype(&cuInit)>(library, "cuInit");
  constexpr std::size_t kBytes = 2 << 20;
  CUmemGenericAllocationHandle handle = 0;
  CUdeviceptr address = 0;
  CUmemAccessDesc everyone{};
  everyone.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  everyone.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  const bool is_mapped = cudaFree(nullptr) == cudaSuccess && init(0) == CUDA_SUCCESS &&
                         import(&handle, &name, CU_MEM_HANDLE_TYPE_FABRIC) == CUDA_SUCCESS &&
                         reserve(&address, kBytes, 0, 0, 0) == CUDA_SUCCESS &&
                         map(address, kBytes, 0, handle, 0) == CUDA_SUCCESS &&
                         access(address, kBytes, &everyone, 1) == CUDA_SUCCESS;
  return is_mapped ? touch(reinterpret_cast<int*>(address)) : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "describe") {
    return describe();
  }
  if (mode == "ipc" && argc == 3) {
    return open_ipc(argv[2]);
  }
  if (mode == "pool" && argc == 4) {
    return open_pool(argv[2], argv[3]);
  }
  if (mode == "event" && argc == 3) {
    return await_event(argv[2]);
  }
  if (mode == "fabric" && argc == 3) {
    return open_fabric(argv[2]);
  }
  return 2;
}
