#pragma once
/// The part of NVML's binary interface that the emulator answers. NVML ships no header with the
/// CUDA toolkit; names, numbers and layouts are those of NVIDIA's public nvml.h (NVIDIA/go-nvml).

#include <cstdint>

namespace rackproof::emulator::api::nvml {

enum Return : int {
  kSuccess = 0,
  kUninitialized = 1,
  kInvalidArgument = 2,
  kNotSupported = 3,
  kNotFound = 6,
  kInsufficientSize = 7,
  kArgumentVersionMismatch = 25,
  kUnknown = 999,
};

/// nvmlStruct_v: size in the low three bytes, version in the high one.
template <typename T>
constexpr unsigned struct_version(unsigned version) {
  return static_cast<unsigned>(sizeof(T)) | (version << 24U);
}

struct PciInfo {
  char bus_id_legacy[16];
  unsigned domain;
  unsigned bus;
  unsigned device;
  unsigned pci_device_id;
  unsigned pci_subsystem_id;
  char bus_id[32];
};

struct Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

struct MemoryV2 {
  unsigned version;
  unsigned long long total;
  unsigned long long reserved;
  unsigned long long free;
  unsigned long long used;
};

struct Utilization {
  unsigned gpu;
  unsigned memory;
};

/// Version 1 differs only in the names of its fields.
struct PlatformInfo {
  unsigned version;
  unsigned char ib_guid[16];
  unsigned char chassis_serial_number[16];
  unsigned char slot_number;
  unsigned char tray_index;
  unsigned char host_id;
  unsigned char peer_type;
  unsigned char module_id;
};

enum FabricState : unsigned char { kFabricNotSupported = 0, kFabricCompleted = 3 };

struct FabricInfo {
  unsigned char cluster_uuid[16];
  int status;
  unsigned clique_id;
  unsigned char state;
};

struct FabricInfoV2 {
  unsigned version;
  unsigned char cluster_uuid[16];
  int status;
  unsigned clique_id;
  unsigned char state;
  unsigned health_mask;
};

struct FabricInfoV3 {
  unsigned version;
  unsigned char cluster_uuid[16];
  int status;
  unsigned clique_id;
  unsigned char state;
  unsigned health_mask;
  unsigned char health_summary;
};

enum FieldId : unsigned {
  kFieldNvLinkSpeedMbPerSCommon = 90,
  kFieldNvLinkCount = 91,
  kFieldNvLinkSpeed = 164,
  kFieldNvLinkState = 165,
};

struct FieldValue {
  unsigned field_id;
  unsigned scope_id;
  long long timestamp;
  long long latency_us;
  unsigned value_type;
  int result;
  union {
    double as_double;
    unsigned as_unsigned;
    unsigned long as_unsigned_long;
    unsigned long long as_unsigned_long_long;
  } value;
};

enum ClockType : int { kClockGraphics = 0, kClockSm = 1, kClockMemory = 2, kClockVideo = 3 };

}  // namespace rackproof::emulator::api::nvml
