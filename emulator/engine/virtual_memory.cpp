#include "emulator/engine/virtual_memory.hpp"

#include "emulator/engine/core.hpp"
#include "emulator/engine/memory_map.hpp"

#include <algorithm>
#include <fcntl.h>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace rackproof::emulator::engine {
namespace {

constexpr std::uint64_t kMagic = 0x726b6661627269a1ULL;

// The memory itself; lives as long as a handle or a mapping refers to it.
struct Physical {
  int file = -1;
  std::uint64_t bytes = 0;
  VmmProperties properties;
  bool is_imported = false;
  bool is_reserved = false;  ///< counts against the device's memory

  ~Physical() {
    close(file);
    if (is_reserved) {
      Core::instance().device(properties.device).heap.unreserve(bytes);
    }
  }
  [[nodiscard]] memory::Kind kind() const {
    return properties.is_host ? memory::Kind::pinned_host
           : is_imported      ? memory::Kind::peer_import
                              : memory::Kind::device;
  }
};

struct Mapping {
  std::uint64_t bytes = 0;
  std::shared_ptr<Physical> physical;
  std::uint64_t access = 0;  ///< as vmm_set_access() counts
};

struct State {
  std::mutex mutex;
  std::uint64_t next_handle = 1;
  struct Entry {
    std::shared_ptr<Physical> physical;
    int references = 1;
  };
  std::map<CUmemGenericAllocationHandle, Entry> handles;
  std::map<CUdeviceptr, std::uint64_t> ranges;  // reserved
  std::map<CUdeviceptr, Mapping> mappings;
};

State& state() {
  static State* const instance = new State;  // leaked: see Core
  return *instance;
}

bool is_aligned(std::uint64_t value) {
  return value % kVmmGranularityBytes == 0;
}

void* pointer(CUdeviceptr address) {
  return reinterpret_cast<void*>(address);
}

CUmemGenericAllocationHandle add(State& all, std::shared_ptr<Physical> physical) {
  const CUmemGenericAllocationHandle handle = all.next_handle++;
  all.handles[handle] = {std::move(physical), 1};
  return handle;
}

// Host memory is known by the name of its file, in whichever process it is imported.
constexpr const char* kDeviceFileName = "rackproof-vmm";
constexpr const char* kHostFileName = "rackproof-vmm-host";

bool is_host_file(int file) {
  char target[64] = {};
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  return readlink(link.c_str(), target, sizeof target - 1) > 0 &&
         std::string_view(target).find(kHostFileName) != std::string_view::npos;
}

cudaError_t adopt(int file, int device, unsigned handle_type,
                  CUmemGenericAllocationHandle* handle) {
  Core::instance().executor().share_memory();
  struct stat status {};
  if (file < 0 || fstat(file, &status) != 0 || status.st_size <= 0) {
    if (file >= 0) {
      close(file);
    }
    return cudaErrorInvalidValue;
  }
  auto physical = std::make_shared<Physical>();
  physical->file = file;
  physical->bytes = static_cast<std::uint64_t>(status.st_size);
  physical->properties = {device, is_host_file(file), handle_type};
  physical->is_imported = true;
  const std::scoped_lock lock(state().mutex);
  *handle = add(state(), std::move(physical));
  return cudaSuccess;
}

std::shared_ptr<Physical> find(CUmemGenericAllocationHandle handle) {
  const std::scoped_lock lock(state().mutex);
  const auto found = state().handles.find(handle);
  return found == state().handles.end() ? nullptr : found->second.physical;
}

}  // namespace

cudaError_t vmm_create(std::uint64_t bytes, const VmmProperties& properties,
                       CUmemGenericAllocationHandle* handle) {
  Core& core = Core::instance();
  if (bytes == 0 || !is_aligned(bytes)) {
    return cudaErrorInvalidValue;
  }
  if (!core.is_device(properties.device)) {
    return cudaErrorInvalidDevice;
  }
  auto physical = std::make_shared<Physical>();
  physical->bytes = bytes;
  physical->properties = properties;
  physical->is_reserved = !properties.is_host && core.device(properties.device).heap.reserve(bytes);
  physical->file = memfd_create(properties.is_host ? kHostFileName : kDeviceFileName, MFD_CLOEXEC);
  if (physical->is_reserved == properties.is_host || physical->file < 0 ||
      ftruncate(physical->file, static_cast<off_t>(bytes)) != 0) {
    return cudaErrorMemoryAllocation;
  }
  const std::scoped_lock lock(state().mutex);
  *handle = add(state(), std::move(physical));
  return cudaSuccess;
}

cudaError_t vmm_release(CUmemGenericAllocationHandle handle) {
  std::shared_ptr<Physical> last;  // destroyed without the lock
  const std::scoped_lock lock(state().mutex);
  const auto found = state().handles.find(handle);
  if (found == state().handles.end()) {
    return cudaErrorInvalidValue;
  }
  if (--found->second.references == 0) {
    last = std::move(found->second.physical);
    state().handles.erase(found);
  }
  return cudaSuccess;
}

cudaError_t vmm_reserve(std::uint64_t bytes, std::uint64_t alignment, CUdeviceptr* address) {
  const std::uint64_t unit = std::max(alignment, kVmmGranularityBytes);
  if (bytes == 0 || !is_aligned(bytes) || (unit & (unit - 1)) != 0) {
    return cudaErrorInvalidValue;
  }
  void* wide =
      mmap(nullptr, bytes + unit, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (wide == MAP_FAILED) {
    return cudaErrorMemoryAllocation;
  }
  const auto begin = reinterpret_cast<CUdeviceptr>(wide);
  const CUdeviceptr aligned = (begin + unit - 1) / unit * unit;
  if (aligned > begin) {
    munmap(wide, aligned - begin);
  }
  munmap(pointer(aligned + bytes), begin + unit - aligned);
  const std::scoped_lock lock(state().mutex);
  state().ranges[aligned] = bytes;
  *address = aligned;
  return cudaSuccess;
}

cudaError_t vmm_free(CUdeviceptr address, std::uint64_t bytes) {
  const std::scoped_lock lock(state().mutex);
  const auto found = state().ranges.find(address);
  if (found == state().ranges.end() || found->second != bytes) {
    return cudaErrorInvalidValue;
  }
  const auto mapped = state().mappings.lower_bound(address);
  if (mapped != state().mappings.end() && mapped->first < address + bytes) {
    return cudaErrorInvalidValue;
  }
  munmap(pointer(address), bytes);
  state().ranges.erase(found);
  return cudaSuccess;
}

cudaError_t vmm_map(CUdeviceptr address, std::uint64_t bytes, std::uint64_t offset,
                    CUmemGenericAllocationHandle handle) {
  const std::shared_ptr<Physical> physical = find(handle);
  const std::scoped_lock lock(state().mutex);
  auto range = state().ranges.upper_bound(address);
  const bool is_reserved =
      range != state().ranges.begin() && (--range, address + bytes <= range->first + range->second);
  if (physical == nullptr || !is_reserved || !is_aligned(bytes) || !is_aligned(offset) ||
      offset + bytes > physical->bytes || state().mappings.contains(address)) {
    return cudaErrorInvalidValue;
  }
  // Inaccessible until cuMemSetAccess, as on a device.
  if (mmap(pointer(address), bytes, PROT_NONE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
           physical->file, static_cast<off_t>(offset)) == MAP_FAILED) {
    return cudaErrorMapBufferObjectFailed;
  }
  state().mappings[address] = {bytes, physical, 0};
  return cudaSuccess;
}

cudaError_t vmm_unmap(CUdeviceptr address, std::uint64_t bytes) {
  Core& core = Core::instance();
  std::vector<std::shared_ptr<Physical>> released;  // destroyed without the lock
  const std::scoped_lock lock(state().mutex);
  auto mapping = state().mappings.lower_bound(address);
  if (mapping == state().mappings.end() || mapping->first != address) {
    return cudaErrorInvalidValue;
  }
  while (mapping != state().mappings.end() && mapping->first < address + bytes) {
    core.addresses().retire(mapping->first);
    released.push_back(std::move(mapping->second.physical));
    mapping = state().mappings.erase(mapping);
  }
  mmap(pointer(address), bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
       -1, 0);
  return cudaSuccess;
}

cudaError_t vmm_set_access(CUdeviceptr address, std::uint64_t bytes, std::uint64_t granted,
                           std::uint64_t revoked) {
  Core& core = Core::instance();
  const std::scoped_lock lock(state().mutex);
  auto mapping = state().mappings.lower_bound(address);
  if (mapping == state().mappings.end() || mapping->first != address) {
    return cudaErrorInvalidValue;
  }
  for (; mapping != state().mappings.end() && mapping->first < address + bytes; ++mapping) {
    Mapping& entry = mapping->second;
    const std::uint64_t before = std::exchange(entry.access, (entry.access | granted) & ~revoked);
    const int protection = entry.access != 0 ? PROT_READ | PROT_WRITE : PROT_NONE;
    if (mprotect(pointer(mapping->first), entry.bytes, protection) != 0) {
      return cudaErrorUnknown;
    }
    if (entry.access == 0) {
      core.addresses().retire(mapping->first);
    } else if (before != 0) {
      core.addresses().set_access(mapping->first, entry.access);
    } else {
      memory::Allocation allocation;
      allocation.base = mapping->first;
      allocation.size_bytes = entry.bytes;
      allocation.device = entry.physical->properties.device;
      allocation.kind = entry.physical->kind();
      allocation.accessing_devices = entry.access;
      core.addresses().insert(allocation);
    }
  }
  return cudaSuccess;
}

cudaError_t vmm_export_file(CUmemGenericAllocationHandle handle, int* file) {
  Core::instance().executor().share_memory();
  const std::shared_ptr<Physical> physical = find(handle);
  if (physical == nullptr ||
      (physical->properties.handle_types & CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) == 0) {
    return cudaErrorInvalidValue;
  }
  *file = fcntl(physical->file, F_DUPFD_CLOEXEC, 0);
  return *file >= 0 ? cudaSuccess : cudaErrorUnknown;
}

cudaError_t vmm_import_file(int file, int device, CUmemGenericAllocationHandle* handle) {
  return adopt(fcntl(file, F_DUPFD_CLOEXEC, 0), device, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR,
               handle);
}

cudaError_t vmm_export_fabric(CUmemGenericAllocationHandle handle, FabricName& name) {
  Core::instance().executor().share_memory();
  const std::shared_ptr<Physical> physical = find(handle);
  if (physical == nullptr || (physical->properties.handle_types & CU_MEM_HANDLE_TYPE_FABRIC) == 0) {
    return cudaErrorInvalidValue;
  }
  name = {kMagic, getpid(), physical->file, physical->bytes, process_start_ticks(getpid())};
  return cudaSuccess;
}

cudaError_t vmm_import_fabric(const FabricName& name, int device,
                              CUmemGenericAllocationHandle* handle) {
  if (name.magic != kMagic || process_start_ticks(name.process) != name.process_start) {
    return cudaErrorInvalidValue;
  }
  return adopt(open_file_of(name.process, name.file), device, CU_MEM_HANDLE_TYPE_FABRIC, handle);
}

cudaError_t vmm_retain(const void* address, CUmemGenericAllocationHandle* handle) {
  const auto wanted = reinterpret_cast<CUdeviceptr>(address);
  const std::scoped_lock lock(state().mutex);
  auto mapping = state().mappings.upper_bound(wanted);
  if (mapping == state().mappings.begin() ||
      (--mapping, wanted >= mapping->first + mapping->second.bytes)) {
    return cudaErrorInvalidValue;
  }
  for (auto& [number, entry] : state().handles) {
    if (entry.physical == mapping->second.physical) {
      ++entry.references;
      *handle = number;
      return cudaSuccess;
    }
  }
  *handle = add(state(), mapping->second.physical);
  return cudaSuccess;
}

cudaError_t vmm_properties(CUmemGenericAllocationHandle handle, VmmProperties& properties) {
  const std::shared_ptr<Physical> physical = find(handle);
  if (physical == nullptr) {
    return cudaErrorInvalidValue;
  }
  properties = physical->properties;
  return cudaSuccess;
}

cudaError_t vmm_get_access(CUdeviceptr address, std::uint64_t& who) {
  const std::scoped_lock lock(state().mutex);
  auto mapping = state().mappings.upper_bound(address);
  if (mapping == state().mappings.begin() ||
      (--mapping, address >= mapping->first + mapping->second.bytes)) {
    return cudaErrorInvalidValue;
  }
  who = mapping->second.access;
  return cudaSuccess;
}

}  // namespace rackproof::emulator::engine
