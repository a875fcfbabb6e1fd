// NVML: clocks, limits and the sensors that an emulator does not have.

#include "emulator/api/nvml/nvml_state.hpp"

using namespace rackproof::emulator::api::nvml;  // NOLINT: this file is the C API

namespace {

using rackproof::emulator::device::GpuIdentity;

int clock(int type, int sm_mhz, unsigned* mhz) {
  int value = 0;
  if (type == kClockGraphics || type == kClockSm) {
    value = sm_mhz;
  } else if (type == kClockMemory) {
    value = model().memory_clock_mhz;
  }
  *mhz = static_cast<unsigned>(value);
  return value > 0 ? kSuccess : kNotSupported;
}

// No model stands behind these: no answer instead of an invented one.
int no_sensor(Device device, const void* result) {
  return query(device, result, [](const GpuIdentity&) { return kNotSupported; });
}

}  // namespace

extern "C" {

// The clock that the emulator's clock model assumes.
int nvmlDeviceGetClockInfo(Device device, int type, unsigned* mhz) {
  return query(device, mhz,
               [&](const GpuIdentity&) { return clock(type, model().peak_sm_clock_mhz, mhz); });
}
int nvmlDeviceGetMaxClockInfo(Device device, int type, unsigned* mhz) {
  return query(device, mhz,
               [&](const GpuIdentity&) { return clock(type, model().max_sm_clock_mhz, mhz); });
}
int nvmlDeviceGetCurrentClocksEventReasons(Device device, unsigned long long* reasons) {
  return query(device, reasons, [&](const GpuIdentity&) {
    *reasons = 0;  // the modelled clock never changes
    return kSuccess;
  });
}
int nvmlDeviceGetCurrentClocksThrottleReasons(Device device, unsigned long long* reasons) {
  return nvmlDeviceGetCurrentClocksEventReasons(device, reasons);
}
int nvmlDeviceGetPowerManagementLimit(Device device, unsigned* milliwatts) {
  return query(device, milliwatts, [&](const GpuIdentity&) {
    *milliwatts = model().tdp_w * 1000;
    return kSuccess;
  });
}
int nvmlDeviceGetEnforcedPowerLimit(Device device, unsigned* milliwatts) {
  return nvmlDeviceGetPowerManagementLimit(device, milliwatts);
}
int nvmlDeviceGetEccMode(Device device, unsigned* current, unsigned* pending) {
  return query(device, current, [&](const GpuIdentity&) {
    *current = 1;
    if (pending != nullptr) {
      *pending = 1;
    }
    return kSuccess;
  });
}

int nvmlDeviceGetPowerUsage(Device device, unsigned* milliwatts) {
  return no_sensor(device, milliwatts);
}
int nvmlDeviceGetTotalEnergyConsumption(Device device, unsigned long long* millijoules) {
  return no_sensor(device, millijoules);
}
int nvmlDeviceGetTemperature(Device device, int /*sensor*/, unsigned* celsius) {
  return no_sensor(device, celsius);
}
int nvmlDeviceGetUtilizationRates(Device device, Utilization* utilization) {
  return no_sensor(device, utilization);
}
int nvmlDeviceGetPerformanceState(Device device, int* state) {
  return no_sensor(device, state);
}
int nvmlDeviceGetFanSpeed(Device device, unsigned* percent) {
  return no_sensor(device, percent);
}
int nvmlDeviceGetTotalEccErrors(Device device, int /*type*/, int /*counter*/,
                                unsigned long long* count) {
  return no_sensor(device, count);
}
int nvmlDeviceGetMemoryErrorCounter(Device device, int /*type*/, int /*counter*/, int /*location*/,
                                    unsigned long long* count) {
  return no_sensor(device, count);
}
int nvmlDeviceGetNvLinkErrorCounter(Device device, unsigned /*link*/, int /*counter*/,
                                    unsigned long long* count) {
  return no_sensor(device, count);
}
int nvmlDeviceGetBoardPartNumber(Device device, char* number, unsigned /*length*/) {
  return no_sensor(device, number);
}
int nvmlDeviceGetVbiosVersion(Device device, char* version, unsigned /*length*/) {
  return no_sensor(device, version);
}

}  // extern "C"
