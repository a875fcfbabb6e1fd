#include "harness/topology/nvml.hpp"

#include "harness/topology/nvml_abi.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <dlfcn.h>
#include <span>

namespace rackproof::harness::topology {
namespace {

using namespace nvml_abi;

constexpr const char* kLibrary = "libnvidia-ml.so.1";

/// The library and its symbols; a symbol that this driver lacks is a reason, not an error.
class Library {
 public:
  Library() : handle_(dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) {
      throw runtime::NotAvailable("NVML: " + std::string(dlerror()) +
                                  " (install the NVIDIA driver)");
    }
    error_string_ = find<ErrorString>("nvmlErrorString");
    const Return result = call(find<Init>("nvmlInit_v2"));
    if (result != kSuccess) {
      const std::string problem = "NVML does not start: " + explain(result);
      dlclose(handle_);  // the text came from the library
      throw runtime::NotAvailable(problem);
    }
  }
  ~Library() {
    call(find<Shutdown>("nvmlShutdown"));
    dlclose(handle_);
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  template <typename Function>
  [[nodiscard]] Function find(const char* name) const {
    return reinterpret_cast<Function>(dlsym(handle_, name));
  }

  /// `function(arguments...)`, or "function not found" where the library lacks it.
  template <typename... Parameters, typename... Arguments>
  Return call(Return (*function)(Parameters...), Arguments... arguments) const {
    constexpr Return kFunctionNotFound = 13;
    return function == nullptr ? kFunctionNotFound : function(arguments...);
  }

  [[nodiscard]] std::string explain(Return result) const {
    const char* text = error_string_ == nullptr ? nullptr : error_string_(result);
    return text == nullptr ? "error " + std::to_string(result) : text;
  }

  template <typename T>
  [[nodiscard]] Reported<T> missing(const char* function, Return result) const {
    return Reported<T>::missing(std::string(function) + ": " + explain(result));
  }

 private:
  void* handle_;
  ErrorString error_string_ = nullptr;
};

/// 8-4-4-4-12 hexadecimal digits.
std::string format_uuid(std::span<const unsigned char, 16> bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      text += '-';
    }
    std::array<char, 3> digits{};
    std::snprintf(digits.data(), digits.size(), "%02x", static_cast<unsigned>(bytes[i]));
    text += digits.data();
  }
  return text;
}

/// A fixed array of characters that need not end in a zero.
std::string text_of(std::span<const unsigned char> bytes) {
  const auto end = std::find(bytes.begin(), bytes.end(), 0);
  return {bytes.begin(), end};
}

class LoadedGpu final : public NvmlGpu {
 public:
  LoadedGpu(std::shared_ptr<const Library> library, Device device)
      : library_(std::move(library)), device_(device) {}

  Reported<std::string> serial() const override {
    constexpr const char* kName = "nvmlDeviceGetSerial";
    std::array<char, 32> text{};  // NVML_DEVICE_SERIAL_BUFFER_SIZE is 30
    const Return result = library_->call(library_->find<DeviceGetText>(kName), device_, text.data(),
                                         static_cast<unsigned>(text.size()));
    return result == kSuccess ? Reported(std::string(text.data()))
                              : library_->missing<std::string>(kName, result);
  }

  Reported<PlatformInfo> platform() const override {
    constexpr const char* kName = "nvmlDeviceGetPlatformInfo";
    PlatformInfoV2 info;
    const Return result =
        library_->call(library_->find<DeviceGetPlatformInfo>(kName), device_, &info);
    if (result != kSuccess) {
      return library_->missing<PlatformInfo>(kName, result);
    }
    return PlatformInfo{text_of(info.chassis_serial_number), info.slot_number, info.tray_index,
                        info.module_id};
  }

  Reported<Fabric> fabric() const override {
    constexpr const char* kName = "nvmlDeviceGetGpuFabricInfoV";
    GpuFabricInfoV3 info;
    const Return result =
        library_->call(library_->find<DeviceGetFabricInfo>(kName), device_, &info);
    if (result != kSuccess) {
      return library_->missing<Fabric>(kName, result);
    }
    if (info.state > static_cast<unsigned char>(FabricState::completed)) {
      return Reported<Fabric>::missing(std::string(kName) + ": unknown state " +
                                       std::to_string(info.state));
    }
    return Fabric{static_cast<FabricState>(info.state), format_uuid(info.cluster_uuid),
                  info.clique_id, decode_fabric_health(info.health_mask)};
  }

  Reported<int> clock_mhz(ClockDomain domain) const override {
    return clock("nvmlDeviceGetClockInfo", domain);
  }
  Reported<int> max_clock_mhz(ClockDomain domain) const override {
    return clock("nvmlDeviceGetMaxClockInfo", domain);
  }

  Reported<double> power_w() const override {
    return scaled<unsigned, DeviceGetUnsigned>("nvmlDeviceGetPowerUsage", 1e-3);
  }
  Reported<double> temperature_c() const override {
    constexpr const char* kName = "nvmlDeviceGetTemperature";
    unsigned value = 0;
    const Return result = library_->call(library_->find<DeviceGetIndexedUnsigned>(kName), device_,
                                         kTemperatureGpu, &value);
    return result == kSuccess ? Reported(static_cast<double>(value))
                              : library_->missing<double>(kName, result);
  }
  Reported<double> energy_j() const override {
    return scaled<unsigned long long, DeviceGetUnsigned64>("nvmlDeviceGetTotalEnergyConsumption",
                                                           1e-3);
  }

  Reported<std::uint64_t> clock_event_reasons() const override {
    constexpr const char* kName = "nvmlDeviceGetCurrentClocksEventReasons";
    unsigned long long value = 0;
    const Return result =
        library_->call(library_->find<DeviceGetUnsigned64>(kName), device_, &value);
    return result == kSuccess ? Reported<std::uint64_t>(value)
                              : library_->missing<std::uint64_t>(kName, result);
  }
  Reported<std::uint64_t> uncorrected_ecc_errors() const override {
    constexpr const char* kName = "nvmlDeviceGetTotalEccErrors";
    unsigned long long value = 0;
    const Return result = library_->call(library_->find<DeviceGetEcc>(kName), device_,
                                         kEccUncorrected, kEccVolatile, &value);
    return result == kSuccess ? Reported<std::uint64_t>(value)
                              : library_->missing<std::uint64_t>(kName, result);
  }

 private:
  Reported<int> clock(const char* name, ClockDomain domain) const {
    unsigned value = 0;
    const Return result =
        library_->call(library_->find<DeviceGetIndexedUnsigned>(name), device_,
                       domain == ClockDomain::sm ? kClockSm : kClockMemory, &value);
    return result == kSuccess ? Reported(static_cast<int>(value))
                              : library_->missing<int>(name, result);
  }
  template <typename Raw, typename Function>
  Reported<double> scaled(const char* name, double factor) const {
    Raw value = 0;
    const Return result = library_->call(library_->find<Function>(name), device_, &value);
    return result == kSuccess ? Reported(static_cast<double>(value) * factor)
                              : library_->missing<double>(name, result);
  }

  std::shared_ptr<const Library> library_;
  Device device_;
};

class LoadedNvml final : public Nvml {
 public:
  Reported<std::string> driver_version() const override {
    constexpr const char* kName = "nvmlSystemGetDriverVersion";
    std::array<char, 96> text{};  // NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE is 80
    const Return result = library_->call(library_->find<SystemGetText>(kName), text.data(),
                                         static_cast<unsigned>(text.size()));
    return result == kSuccess ? Reported(std::string(text.data()))
                              : library_->missing<std::string>(kName, result);
  }

  std::unique_ptr<NvmlGpu> gpu(const std::string& pci_bus_id) const override {
    Device device = nullptr;
    const Return result =
        library_->call(library_->find<GetHandleByText>("nvmlDeviceGetHandleByPciBusId_v2"),
                       pci_bus_id.c_str(), &device);
    if (result != kSuccess) {
      throw runtime::NotAvailable("NVML does not know the GPU at " + pci_bus_id + ": " +
                                  library_->explain(result));
    }
    return std::make_unique<LoadedGpu>(library_, device);
  }

 private:
  std::shared_ptr<const Library> library_ = std::make_shared<Library>();
};

}  // namespace

std::unique_ptr<Nvml> load_nvml() {
  return std::make_unique<LoadedNvml>();
}

}  // namespace rackproof::harness::topology
