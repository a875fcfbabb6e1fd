// NVML: what one device is.

#include "emulator/api/nvml/nvml_state.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

using namespace rackproof::emulator::api::nvml;  // NOLINT: this file is the C API

namespace {

using rackproof::emulator::device::GpuIdentity;
namespace engine = rackproof::emulator::engine;

constexpr unsigned kArchitectureAmpere = 7;
constexpr unsigned kArchitectureHopper = 9;
constexpr unsigned kArchitectureBlackwell = 10;
// nvidia-smi of a GB300 tray: "Switch Connected".
constexpr unsigned char kPeerTypeSwitch = 1;
// All two-bit health fields FALSE: nothing degraded, nothing recovering, nothing unhealthy.
constexpr unsigned kHealthMaskHealthy = 0xaa;
constexpr unsigned char kHealthSummaryHealthy = 1;

bool has_platform_info() {
  return rack().nvlink_domain_gpus > rack().gpus_per_tray;
}

Memory memory_of(const GpuIdentity& gpu) {
  engine::Core& core = engine::Core::instance();
  const unsigned long long total = model().memory_bytes;
  Memory memory{total, total, 0};
  for (int i = 0; i < core.device_count(); ++i) {
    if (core.device(i).identity.index_in_tray == gpu.index_in_tray) {
      memory.free = core.device(i).heap.free_bytes();
    }
  }
  memory.used = total - memory.free;
  return memory;
}

template <typename Info>
void fill_fabric(Info& info) {
  const auto uuid = rackproof::emulator::device::cluster_uuid(rack(), tray());
  std::memcpy(info.cluster_uuid, uuid.data(), uuid.size());
  info.status = kSuccess;
  info.clique_id = rack().clique_id;
  info.state = kFabricCompleted;
}

}  // namespace

extern "C" {

int nvmlDeviceGetIndex(Device device, unsigned* index) {
  return query(device, index, [&](const GpuIdentity& gpu) {
    *index = static_cast<unsigned>(gpu.index_in_tray);
    return kSuccess;
  });
}
int nvmlDeviceGetMinorNumber(Device device, unsigned* minor) {
  return nvmlDeviceGetIndex(device, minor);
}
int nvmlDeviceGetModuleId(Device device, unsigned* module) {
  return query(device, module, [&](const GpuIdentity& gpu) {
    *module = static_cast<unsigned>(gpu.module_id);
    return kSuccess;
  });
}
int nvmlDeviceGetName(Device device, char* name, unsigned length) {
  return query(device, name, [&](const GpuIdentity& gpu) -> int {
    return copy_text(gpu.name.c_str(), name, length);
  });
}
int nvmlDeviceGetUUID(Device device, char* uuid, unsigned length) {
  return query(device, uuid, [&](const GpuIdentity& gpu) -> int {
    return copy_text(gpu.uuid_text.c_str(), uuid, length);
  });
}
int nvmlDeviceGetSerial(Device device, char* serial, unsigned length) {
  return query(device, serial, [&](const GpuIdentity& gpu) -> int {
    return copy_text(gpu.serial.c_str(), serial, length);
  });
}

int nvmlDeviceGetPciInfo_v3(Device device, PciInfo* info) {
  return query(device, info, [&](const GpuIdentity& gpu) {
    *info = {};
    info->domain = gpu.pci_domain;
    info->bus = gpu.pci_bus;
    info->device = gpu.pci_device;
    std::snprintf(info->bus_id, sizeof info->bus_id, "%08X:%02X:%02X.0", gpu.pci_domain,
                  gpu.pci_bus, gpu.pci_device);
    std::snprintf(info->bus_id_legacy, sizeof info->bus_id_legacy, "%04X:%02X:%02X.0",
                  gpu.pci_domain & 0xffffU, gpu.pci_bus & 0xffU, gpu.pci_device & 0x1fU);
    return kSuccess;
  });
}
int nvmlDeviceGetPciInfo_v2(Device device, PciInfo* info) {
  return nvmlDeviceGetPciInfo_v3(device, info);
}
int nvmlDeviceGetPciInfo(Device device, PciInfo* info) {
  return nvmlDeviceGetPciInfo_v3(device, info);
}

int nvmlDeviceGetMemoryInfo(Device device, Memory* memory) {
  return query(device, memory, [&](const GpuIdentity& gpu) {
    *memory = memory_of(gpu);
    return kSuccess;
  });
}
int nvmlDeviceGetMemoryInfo_v2(Device device, MemoryV2* memory) {
  return query(device, memory, [&](const GpuIdentity& gpu) {
    if (memory->version != struct_version<MemoryV2>(2)) {
      return kArgumentVersionMismatch;
    }
    const Memory plain = memory_of(gpu);
    *memory = {memory->version, plain.total, 0, plain.free, plain.used};
    return kSuccess;
  });
}

int nvmlDeviceGetCudaComputeCapability(Device device, int* major, int* minor) {
  return query(device, major, [&](const GpuIdentity&) {
    *major = model().cc_major;
    *minor = model().cc_minor;
    return kSuccess;
  });
}
int nvmlDeviceGetArchitecture(Device device, unsigned* architecture) {
  return query(device, architecture, [&](const GpuIdentity&) {
    *architecture = model().cc_major >= 10  ? kArchitectureBlackwell
                    : model().cc_major == 9 ? kArchitectureHopper
                                            : kArchitectureAmpere;
    return kSuccess;
  });
}

int nvmlDeviceGetPlatformInfo(Device device, PlatformInfo* info) {
  return query(device, info, [&](const GpuIdentity& gpu) {
    if (!has_platform_info()) {
      return kNotSupported;  // nvidia-smi of an H100 node answers N/A as well
    }
    const unsigned version = info->version;
    if (version != struct_version<PlatformInfo>(2) && version != struct_version<PlatformInfo>(1)) {
      return kArgumentVersionMismatch;
    }
    *info = {};
    info->version = version;
    const std::string serial = rackproof::emulator::device::chassis_serial(rack());
    std::memcpy(info->chassis_serial_number, serial.data(),
                std::min(serial.size(), sizeof info->chassis_serial_number - 1));
    info->slot_number = static_cast<unsigned char>(tray() + 1);
    info->tray_index = static_cast<unsigned char>(tray());
    info->host_id = 1;
    info->peer_type = kPeerTypeSwitch;
    info->module_id = static_cast<unsigned char>(gpu.module_id);
    return kSuccess;
  });
}

int nvmlDeviceGetGpuFabricInfo(Device device, FabricInfo* info) {
  return query(device, info, [&](const GpuIdentity&) {
    if (!rack().fabric_manager) {
      return kNotSupported;
    }
    *info = {};
    fill_fabric(*info);
    return kSuccess;
  });
}
int nvmlDeviceGetGpuFabricInfoV(Device device, FabricInfoV3* info) {
  return query(device, info, [&](const GpuIdentity&) {
    if (!rack().fabric_manager) {
      return kNotSupported;
    }
    const unsigned version = info->version;
    if (version == struct_version<FabricInfoV2>(2)) {
      FabricInfoV2 old{};
      old.version = version;
      fill_fabric(old);
      old.health_mask = kHealthMaskHealthy;
      std::memcpy(static_cast<void*>(info), &old, sizeof old);
      return kSuccess;
    }
    if (version != struct_version<FabricInfoV3>(3)) {
      return kArgumentVersionMismatch;
    }
    *info = {};
    info->version = version;
    fill_fabric(*info);
    info->health_mask = kHealthMaskHealthy;
    info->health_summary = kHealthSummaryHealthy;
    return kSuccess;
  });
}

// All CPUs of the host are equally near to every emulated GPU: a thread may stay where it is.
int nvmlDeviceSetCpuAffinity(Device device) {
  return is_device(device) ? kSuccess : kInvalidArgument;
}
int nvmlDeviceClearCpuAffinity(Device device) {
  return nvmlDeviceSetCpuAffinity(device);
}

}  // extern "C"
