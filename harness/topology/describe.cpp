#include "harness/topology/describe.hpp"

#include "runtime/error.hpp"

#include <cuda_runtime_api.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>
#include <unistd.h>

namespace rackproof::harness::topology {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) {
    return "unknown-host";
  }
  return name.data();
}

std::string format_gpu_uuid(const cudaUUID_t& uuid) {
  std::string text = "GPU-";
  for (std::size_t i = 0; i < sizeof(uuid.bytes); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      text += '-';
    }
    std::array<char, 3> digits{};
    std::snprintf(digits.data(), digits.size(), "%02x",
                  static_cast<unsigned>(static_cast<unsigned char>(uuid.bytes[i])));
    text += digits.data();
  }
  return text;
}

cudaDeviceProp properties_of(int device) {
  cudaDeviceProp properties{};
  RACKPROOF_CUDA(cudaGetDeviceProperties(&properties, device));
  return properties;
}

void add_nvml_facts(Gpu& gpu, const NvmlGpu& nvml) {
  gpu.serial = nvml.serial();
  const Reported<PlatformInfo> platform = nvml.platform();
  gpu.module_id =
      platform ? Reported(platform->module_id) : Reported<int>::missing(platform.reason());
  gpu.max_sm_clock_mhz = nvml.max_clock_mhz(ClockDomain::sm);
  gpu.memory_clock_mhz = nvml.max_clock_mhz(ClockDomain::memory);
  gpu.fabric = nvml.fabric();
}

void mark_without_nvml(Gpu& gpu, const std::string& reason) {
  gpu.serial = Reported<std::string>::missing(reason);
  gpu.module_id = Reported<int>::missing(reason);
  gpu.max_sm_clock_mhz = Reported<int>::missing(reason);
  gpu.memory_clock_mhz = Reported<int>::missing(reason);
  gpu.fabric = Reported<Fabric>::missing(reason);
}

/// Trays of an emulated rack are processes of one host. Where the emulated model reports no
/// platform (DGX H100), what the program started its ranks with tells them apart: "-tray1".
std::string emulated_tray() {
  const char* tray = std::getenv("RACKPROOF_EMULATOR_TRAY");  // NOLINT(concurrency-mt-unsafe)
  const bool is_emulated =
      visible_devices() > 0 &&
      std::string_view(properties_of(0).name).find("(emulated)") != std::string_view::npos;
  return tray == nullptr || !is_emulated ? std::string() : "-tray" + std::string(tray);
}

}  // namespace

int visible_devices() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    static_cast<void>(cudaGetLastError());  // no driver or no GPU: an answer, not a failure
    return 0;
  }
  return count;
}

std::vector<std::string> visible_gpu_uuids() {
  std::vector<std::string> uuids;
  for (int device = 0; device < visible_devices(); ++device) {
    uuids.push_back(format_gpu_uuid(properties_of(device).uuid));
  }
  return uuids;
}

std::string pci_bus_id(int device) {
  std::array<char, 32> text{};
  RACKPROOF_CUDA(cudaDeviceGetPCIBusId(text.data(), static_cast<int>(text.size()), device));
  return text.data();
}

NodeIdentity describe_node(const Nvml* nvml) {
  NodeIdentity identity;
  identity.host = host_name();
  Reported<PlatformInfo> platform = Reported<PlatformInfo>::missing("NVML is not available");
  if (nvml != nullptr && visible_devices() > 0) {
    platform = nvml->gpu(pci_bus_id(0))->platform();
  }
  if (!platform) {
    identity.host += emulated_tray();
    identity.chassis_serial = Reported<std::string>::missing(platform.reason());
    identity.tray_index = Reported<int>::missing(platform.reason());
    identity.slot_number = Reported<int>::missing(platform.reason());
    return identity;
  }
  identity.tray_index = platform->tray_index;
  identity.slot_number = platform->slot_number;
  identity.chassis_serial =
      platform->chassis_serial.empty()
          ? Reported<std::string>::missing("the platform reports an empty chassis serial")
          : Reported(platform->chassis_serial);
  return identity;
}

Gpu describe_gpu(int rank, int device, const Nvml* nvml, const std::string& without_nvml) {
  RACKPROOF_CUDA(cudaSetDevice(device));
  const cudaDeviceProp properties = properties_of(device);
  Gpu gpu;
  gpu.rank = rank;
  gpu.device = device;
  gpu.name = properties.name;
  gpu.uuid = format_gpu_uuid(properties.uuid);
  gpu.pci_bus_id = pci_bus_id(device);
  gpu.cc = {properties.major, properties.minor};
  gpu.multiprocessors = properties.multiProcessorCount;
  gpu.l2_bytes = static_cast<std::uint64_t>(properties.l2CacheSize);
  gpu.shared_memory_per_block_bytes = properties.sharedMemPerBlockOptin;
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  RACKPROOF_CUDA(cudaMemGetInfo(&free_bytes, &total_bytes));
  gpu.memory_bytes = total_bytes;
  gpu.free_memory_bytes = free_bytes;
  if (nvml == nullptr) {
    mark_without_nvml(gpu, without_nvml);
    return gpu;
  }
  try {
    add_nvml_facts(gpu, *nvml->gpu(gpu.pci_bus_id));
  } catch (const runtime::NotAvailable& error) {
    mark_without_nvml(gpu, error.what());
  }
  return gpu;
}

}  // namespace rackproof::harness::topology
