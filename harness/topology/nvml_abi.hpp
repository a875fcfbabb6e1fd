#pragma once
/// The few declarations of NVML's stable C ABI that the suite uses, so that it builds without
/// nvml.h. Layouts and constants: NVML API reference (CUDA 13), nvml.h.

#include <cstdint>

namespace rackproof::harness::topology::nvml_abi {

using Return = int;
using Device = void*;

inline constexpr Return kSuccess = 0;
inline constexpr Return kNotSupported = 3;

inline constexpr unsigned kClockSm = 1;
inline constexpr unsigned kClockMemory = 2;
inline constexpr unsigned kTemperatureGpu = 0;
inline constexpr unsigned kEccUncorrected = 1;
inline constexpr unsigned kEccVolatile = 0;

/// NVML_STRUCT_VERSION: the size of the structure with its version in the top byte.
template <typename T>
constexpr unsigned struct_version(unsigned version) {
  return static_cast<unsigned>(sizeof(T)) | (version << 24U);
}

struct PlatformInfoV2 {
  unsigned version = struct_version<PlatformInfoV2>(2);
  unsigned char ib_guid[16] = {};
  unsigned char chassis_serial_number[16] = {};
  unsigned char slot_number = 0;
  unsigned char tray_index = 0;
  unsigned char host_id = 0;
  unsigned char peer_type = 0;
  unsigned char module_id = 0;
};
static_assert(sizeof(PlatformInfoV2) == 44);

struct GpuFabricInfoV3 {
  unsigned version = struct_version<GpuFabricInfoV3>(3);
  unsigned char cluster_uuid[16] = {};
  Return status = 0;
  unsigned clique_id = 0;
  unsigned char state = 0;
  unsigned health_mask = 0;
  unsigned char health_summary = 0;
};
static_assert(sizeof(GpuFabricInfoV3) == 40);

using Init = Return (*)();
using Shutdown = Return (*)();
using ErrorString = const char* (*)(Return);
using SystemGetText = Return (*)(char*, unsigned);
using GetHandleByText = Return (*)(const char*, Device*);
using DeviceGetText = Return (*)(Device, char*, unsigned);
using DeviceGetPlatformInfo = Return (*)(Device, PlatformInfoV2*);
using DeviceGetFabricInfo = Return (*)(Device, GpuFabricInfoV3*);
using DeviceGetIndexedUnsigned = Return (*)(Device, unsigned, unsigned*);
using DeviceGetUnsigned = Return (*)(Device, unsigned*);
using DeviceGetUnsigned64 = Return (*)(Device, unsigned long long*);
using DeviceGetEcc = Return (*)(Device, unsigned, unsigned, unsigned long long*);

}  // namespace rackproof::harness::topology::nvml_abi
