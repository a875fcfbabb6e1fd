// NVML: NVLink, peer status, field values.

#include "emulator/api/nvml/nvml_state.hpp"

#include <cstring>

using namespace rackproof::emulator::api::nvml;  // NOLINT: this file is the C API

namespace {

using rackproof::emulator::device::GpuIdentity;

enum Capability : int {
  kPeerSupported = 0,
  kPeerAtomics = 2,
  kLinkValid = 5,
  kCapabilityCount = 6
};
constexpr unsigned kValueTypeUnsigned = 1;

bool is_link(unsigned link) {
  return link < static_cast<unsigned>(rack().nvlink_links);
}

int read_field(FieldValue& field) {
  unsigned value = 0;
  switch (field.field_id) {
    case kFieldNvLinkCount:
      value = static_cast<unsigned>(rack().nvlink_links);
      break;
    case kFieldNvLinkSpeedMbPerSCommon:
    case kFieldNvLinkSpeed:
      value = static_cast<unsigned>(rack().nvlink_raw_mb_per_s_per_link);
      break;
    case kFieldNvLinkState:
      value = is_link(field.scope_id) ? 1 : 0;
      break;
    default:
      return kNotSupported;
  }
  const bool is_unknown = field.field_id != kFieldNvLinkState && value == 0;
  field.value_type = kValueTypeUnsigned;
  field.value.as_unsigned_long_long = 0;
  field.value.as_unsigned = value;
  return is_unknown ? kNotSupported : kSuccess;
}

}  // namespace

extern "C" {

int nvmlDeviceGetNvLinkState(Device device, unsigned link, int* is_active) {
  return query(device, is_active, [&](const GpuIdentity&) {
    if (!is_link(link)) {
      return kInvalidArgument;
    }
    *is_active = 1;
    return kSuccess;
  });
}
int nvmlDeviceGetNvLinkVersion(Device device, unsigned link, unsigned* version) {
  return query(device, version, [&](const GpuIdentity&) {
    if (!is_link(link)) {
      return kInvalidArgument;
    }
    *version = static_cast<unsigned>(rack().nvlink_generation);
    return kSuccess;
  });
}
int nvmlDeviceGetNvLinkCapability(Device device, unsigned link, int capability, unsigned* answer) {
  return query(device, answer, [&](const GpuIdentity&) {
    if (!is_link(link) || capability < 0 || capability >= kCapabilityCount) {
      return kInvalidArgument;
    }
    *answer = capability == kPeerSupported || capability == kPeerAtomics || capability == kLinkValid
                  ? 1
                  : 0;
    return kSuccess;
  });
}
// The other end is always an NVSwitch, which has no PCI address in this machine: NVML's way to say
// so, as in a virtual machine that does not see its switches.
int nvmlDeviceGetNvLinkRemotePciInfo_v2(Device device, unsigned link, PciInfo* info) {
  return query(device, info, [&](const GpuIdentity&) {
    if (!is_link(link)) {
      return kInvalidArgument;
    }
    *info = {};
    std::strcpy(info->bus_id_legacy, "FFFF:FF:FF.F");
    std::strcpy(info->bus_id, "FFFFFFFF:FFFF:FF");
    return kSuccess;
  });
}
int nvmlDeviceGetNvLinkRemotePciInfo(Device device, unsigned link, PciInfo* info) {
  return nvmlDeviceGetNvLinkRemotePciInfo_v2(device, link, info);
}
int nvmlDeviceGetP2PStatus(Device device, Device peer, int /*capability*/, int* status) {
  return query(device, status, [&](const GpuIdentity&) {
    if (!is_device(peer)) {
      return kInvalidArgument;
    }
    *status = 0;
    return kSuccess;
  });
}
int nvmlDeviceGetFieldValues(Device device, int count, FieldValue* values) {
  return query(device, values, [&](const GpuIdentity&) {
    for (int i = 0; i < count; ++i) {
      values[i].result = read_field(values[i]);
    }
    return kSuccess;
  });
}

}  // extern "C"
