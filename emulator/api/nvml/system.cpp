// NVML: initialisation, versions, finding devices.

#include "emulator/api/nvml/nvml_state.hpp"

#include <algorithm>
#include <cctype>
#include <string>

using namespace rackproof::emulator::api::nvml;  // NOLINT: this file is the C API

namespace {

// The driver of DGX GB300 release 1.0.6 (reference: gb300-nvl72, section 1), marked.
constexpr const char* kDriverVersion = "580.126.20-emulated";
constexpr const char* kNvmlVersion = "13.580.126.20-emulated";
constexpr int kCudaDriverVersion = 13000;

int find(Device* device,
         bool (*matches)(const rackproof::emulator::device::GpuIdentity&, const std::string&),
         const char* wanted) {
  if (!is_initialized()) {
    return kUninitialized;
  }
  if (device == nullptr || wanted == nullptr) {
    return kInvalidArgument;
  }
  for (const auto& gpu : gpus()) {
    if (matches(gpu, wanted)) {
      *device = &gpu;
      return kSuccess;
    }
  }
  return kNotFound;
}

std::string normalise_bus_id(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (text.find(':') == 8) {
    text.erase(0, 4);
  }
  return text;
}

}  // namespace

extern "C" {

int nvmlInit_v2() {
  return initialize();
}
int nvmlInit() {
  return initialize();
}
int nvmlInitWithFlags(unsigned /*flags*/) {
  return initialize();
}
int nvmlShutdown() {
  return shut_down();
}

const char* nvmlErrorString(int result) {
  switch (result) {
    case kSuccess:
      return "Success";
    case kUninitialized:
      return "Uninitialized";
    case kInvalidArgument:
      return "Invalid Argument";
    case kNotSupported:
      return "Not Supported";
    case kNotFound:
      return "Not Found";
    case kInsufficientSize:
      return "Insufficient Size";
    case kArgumentVersionMismatch:
      return "Argument version mismatch";
    default:
      return "Unknown Error";
  }
}

int nvmlSystemGetDriverVersion(char* version, unsigned length) {
  return is_initialized() ? copy_text(kDriverVersion, version, length) : kUninitialized;
}
int nvmlSystemGetNVMLVersion(char* version, unsigned length) {
  return is_initialized() ? copy_text(kNvmlVersion, version, length) : kUninitialized;
}
int nvmlSystemGetCudaDriverVersion(int* version) {
  *version = kCudaDriverVersion;
  return kSuccess;
}
int nvmlSystemGetCudaDriverVersion_v2(int* version) {
  return nvmlSystemGetCudaDriverVersion(version);
}
int nvmlSystemGetConfComputeSettings(void* /*settings*/) {
  return kNotSupported;
}

int nvmlDeviceGetCount_v2(unsigned* count) {
  if (!is_initialized()) {
    return kUninitialized;
  }
  *count = static_cast<unsigned>(gpus().size());
  return kSuccess;
}
int nvmlDeviceGetCount(unsigned* count) {
  return nvmlDeviceGetCount_v2(count);
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, Device* device) {
  if (!is_initialized()) {
    return kUninitialized;
  }
  if (index >= gpus().size() || device == nullptr) {
    return kInvalidArgument;
  }
  *device = &gpus()[index];
  return kSuccess;
}
int nvmlDeviceGetHandleByIndex(unsigned index, Device* device) {
  return nvmlDeviceGetHandleByIndex_v2(index, device);
}
int nvmlDeviceGetHandleByUUID(const char* uuid, Device* device) {
  return find(
      device, [](const auto& gpu, const std::string& text) { return gpu.uuid_text == text; }, uuid);
}
int nvmlDeviceGetHandleBySerial(const char* serial, Device* device) {
  return find(
      device, [](const auto& gpu, const std::string& text) { return gpu.serial == text; }, serial);
}
int nvmlDeviceGetHandleByPciBusId_v2(const char* bus_id, Device* device) {
  return find(
      device,
      [](const auto& gpu, const std::string& text) {
        return gpu.pci_bus_id == normalise_bus_id(text);
      },
      bus_id);
}
int nvmlDeviceGetHandleByPciBusId(const char* bus_id, Device* device) {
  return nvmlDeviceGetHandleByPciBusId_v2(bus_id, device);
}

}  // extern "C"
