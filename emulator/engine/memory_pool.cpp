#include "emulator/engine/memory_pool.hpp"

#include "emulator/engine/core.hpp"
#include "emulator/engine/memory_map.hpp"

#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <unistd.h>

namespace rackproof::emulator::engine {

struct Pool {
  int device = 0;
  bool is_default = false;
  unsigned handle_types = cudaMemHandleTypeNone;
  int imported_file = -1;  // -1: this process's own pool
  std::uint64_t limit_bytes = 0;
  std::uint64_t threshold_bytes = 0;
  std::map<int, int> reuse_policies = {{cudaMemPoolReuseFollowEventDependencies, 1},
                                       {cudaMemPoolReuseAllowOpportunistic, 1},
                                       {cudaMemPoolReuseAllowInternalDependencies, 1}};
  std::uint64_t used = 0, used_high = 0;
  std::uint64_t reserved = 0, reserved_high = 0;
  std::set<int> accessing_devices;
  bool is_destroyed = false;

  ~Pool() {
    if (imported_file >= 0) {
      close(imported_file);
    }
  }
};

namespace {

// Physical memory comes in the granularity of virtual memory management.
constexpr std::uint64_t kGranularityBytes = 2ULL << 20U;
constexpr std::uint64_t kMagic = 0x726b706f6f6c3031ULL;  // "rkpool01"

std::uint64_t in_granules(std::uint64_t bytes) {
  return (bytes + kGranularityBytes - 1) / kGranularityBytes * kGranularityBytes;
}

// Content of cudaMemPoolPtrExportData: a range of the exporting device's memory file.
struct PointerName {
  std::uint64_t magic = 0;
  std::uint64_t offset = 0;
  std::uint64_t size_bytes = 0;
};
static_assert(sizeof(PointerName) <= sizeof(cudaMemPoolPtrExportData));

struct Allocation {
  std::shared_ptr<Pool> pool;
  std::uint64_t bytes = 0;
};

struct State {
  std::mutex mutex;
  std::map<const Pool*, std::shared_ptr<Pool>> pools;
  std::map<int, Pool*> defaults;
  std::map<int, Pool*> currents;
  std::map<const void*, Allocation> allocations;
};

State& state() {
  static State* const instance = new State;  // leaked: see Core
  return *instance;
}

// Kernels of the pool's accessing devices may use the allocation.
void let_in(const void* address, const Pool& pool) {
  std::uint64_t devices = 0;
  for (const int device : pool.accessing_devices) {
    devices |= std::uint64_t{1} << device;
  }
  Core::instance().addresses().set_access(reinterpret_cast<std::uintptr_t>(address), devices);
}

Pool* add(std::shared_ptr<Pool> pool) {
  pool->accessing_devices.insert(pool->device);
  Pool* handle = pool.get();
  state().pools[handle] = std::move(pool);
  return handle;
}

Pool* default_pool_locked(int device) {
  Pool*& pool = state().defaults[device];
  if (pool == nullptr) {
    auto made = std::make_shared<Pool>();
    made->device = device;
    made->is_default = true;
    pool = add(std::move(made));
  }
  return pool;
}

void shrink(Pool& pool, std::uint64_t keep) {
  const std::uint64_t wanted = std::max(in_granules(pool.used), std::min(keep, pool.reserved));
  if (wanted < pool.reserved) {
    Core::instance().device(pool.device).heap.unreserve(pool.reserved - wanted);
    pool.reserved = wanted;
  }
}

// Charges the device for `bytes` more; what other pools hold unused is given up first.
bool grow(Pool& pool, std::uint64_t bytes) {
  DeviceHeap& heap = Core::instance().device(pool.device).heap;
  const std::uint64_t wanted = in_granules(pool.used + bytes);
  if (pool.limit_bytes != 0 && wanted > in_granules(pool.limit_bytes)) {
    return false;
  }
  if (wanted > pool.reserved && !heap.reserve(wanted - pool.reserved)) {
    for (const auto& [handle, other] : state().pools) {
      if (other.get() != &pool && other->device == pool.device) {
        shrink(*other, 0);
      }
    }
    if (!heap.reserve(wanted - pool.reserved)) {
      return false;
    }
  }
  pool.reserved = std::max(pool.reserved, wanted);
  pool.reserved_high = std::max(pool.reserved_high, pool.reserved);
  pool.used += bytes;
  pool.used_high = std::max(pool.used_high, pool.used);
  return true;
}

// Frees that lie ahead in streams may make room; virtual time does not move.
void await_streams(Device& device) {
  Executor& executor = Core::instance().executor();
  for (const TicketPtr& ticket : executor.last_of_all(device)) {
    executor.await(ticket);
  }
}

template <typename Body>
cudaError_t with_pool(Pool* pool, Body&& body) {
  const std::scoped_lock lock(state().mutex);
  return state().pools.contains(pool) ? body(*pool) : cudaErrorInvalidValue;
}

}  // namespace

Pool* default_pool(int device) {
  const std::scoped_lock lock(state().mutex);
  return default_pool_locked(device);
}

Pool* current_pool(int device) {
  const std::scoped_lock lock(state().mutex);
  Pool* pool = state().currents[device];
  return pool != nullptr ? pool : default_pool_locked(device);
}

cudaError_t set_current_pool(int device, Pool* pool) {
  return with_pool(pool, [&](Pool& entry) {
    if (entry.device != device || entry.imported_file >= 0) {
      return cudaErrorInvalidValue;
    }
    state().currents[device] = pool;
    return cudaSuccess;
  });
}

bool is_pool(const Pool* pool) {
  const std::scoped_lock lock(state().mutex);
  return state().pools.contains(pool);
}

int pool_device(const Pool* pool) {
  return pool->device;
}

cudaError_t create_pool(const cudaMemPoolProps& properties, Pool** pool) {
  if (properties.allocType != cudaMemAllocationTypePinned) {
    return properties.allocType == cudaMemAllocationTypeManaged ? cudaErrorNotSupported
                                                                : cudaErrorInvalidValue;
  }
  if (properties.location.type != cudaMemLocationTypeDevice) {
    return properties.location.type == cudaMemLocationTypeInvalid ? cudaErrorInvalidValue
                                                                  : cudaErrorNotSupported;
  }
  if (!Core::instance().is_device(properties.location.id)) {
    return cudaErrorInvalidDevice;
  }
  if ((properties.handleTypes & ~cudaMemHandleTypePosixFileDescriptor) != 0) {
    return cudaErrorNotSupported;
  }
  auto made = std::make_shared<Pool>();
  made->device = properties.location.id;
  made->handle_types = properties.handleTypes;
  made->limit_bytes = properties.maxSize;
  const std::scoped_lock lock(state().mutex);
  *pool = add(std::move(made));
  return cudaSuccess;
}

cudaError_t destroy_pool(Pool* pool) {
  return with_pool(pool, [&](Pool& entry) {
    if (entry.is_default) {
      return cudaErrorInvalidValue;
    }
    if (state().currents[entry.device] == pool) {
      state().currents[entry.device] = nullptr;
    }
    entry.is_destroyed = true;
    shrink(entry, 0);
    state().pools.erase(pool);
    return cudaSuccess;
  });
}

cudaError_t get_attribute(Pool* pool, cudaMemPoolAttr attribute, void* value) {
  return with_pool(pool, [&](Pool& entry) {
    const auto answer = [&](std::uint64_t number) {
      std::memcpy(value, &number, sizeof number);
      return cudaSuccess;
    };
    switch (attribute) {
      case cudaMemPoolReuseFollowEventDependencies:
      case cudaMemPoolReuseAllowOpportunistic:
      case cudaMemPoolReuseAllowInternalDependencies:
        *static_cast<int*>(value) = entry.reuse_policies[attribute];
        return cudaSuccess;
      case cudaMemPoolAttrReleaseThreshold:
        return answer(entry.threshold_bytes);
      case cudaMemPoolAttrReservedMemCurrent:
        return answer(entry.reserved);
      case cudaMemPoolAttrReservedMemHigh:
        return answer(entry.reserved_high);
      case cudaMemPoolAttrUsedMemCurrent:
        return answer(entry.used);
      case cudaMemPoolAttrUsedMemHigh:
        return answer(entry.used_high);
    }
    return cudaErrorInvalidValue;
  });
}

cudaError_t set_attribute(Pool* pool, cudaMemPoolAttr attribute, const void* value) {
  return with_pool(pool, [&](Pool& entry) {
    switch (attribute) {
      case cudaMemPoolReuseFollowEventDependencies:
      case cudaMemPoolReuseAllowOpportunistic:
      case cudaMemPoolReuseAllowInternalDependencies:
        entry.reuse_policies[attribute] = *static_cast<const int*>(value) != 0 ? 1 : 0;
        return cudaSuccess;
      case cudaMemPoolAttrReleaseThreshold:
        std::memcpy(&entry.threshold_bytes, value, sizeof entry.threshold_bytes);
        return cudaSuccess;
      case cudaMemPoolAttrReservedMemHigh:
      case cudaMemPoolAttrUsedMemHigh: {
        // High watermarks can be set back to zero only.
        std::uint64_t wanted = 0;
        std::memcpy(&wanted, value, sizeof wanted);
        if (wanted != 0) {
          return cudaErrorInvalidValue;
        }
        if (attribute == cudaMemPoolAttrUsedMemHigh) {
          entry.used_high = entry.used;
        } else {
          entry.reserved_high = entry.reserved;
        }
        return cudaSuccess;
      }
      default:
        return cudaErrorInvalidValue;
    }
  });
}

cudaError_t trim_pool(Pool* pool, std::uint64_t bytes_to_keep) {
  return with_pool(pool, [&](Pool& entry) {
    shrink(entry, bytes_to_keep);
    return cudaSuccess;
  });
}

cudaError_t set_access(Pool* pool, const cudaMemAccessDesc* access, std::size_t count) {
  return with_pool(pool, [&](Pool& entry) {
    for (std::size_t i = 0; i < count; ++i) {
      if (access[i].location.type != cudaMemLocationTypeDevice ||
          !Core::instance().is_device(access[i].location.id)) {
        return cudaErrorInvalidDevice;
      }
      const bool is_wanted = access[i].flags == cudaMemAccessFlagsProtReadWrite;
      if ((!is_wanted && access[i].flags != cudaMemAccessFlagsProtNone) ||
          (!is_wanted && access[i].location.id == entry.device)) {
        return cudaErrorInvalidValue;
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (access[i].flags == cudaMemAccessFlagsProtReadWrite) {
        entry.accessing_devices.insert(access[i].location.id);
      } else {
        entry.accessing_devices.erase(access[i].location.id);
      }
    }
    for (const auto& [address, allocation] : state().allocations) {
      if (allocation.pool.get() == &entry) {
        let_in(address, entry);
      }
    }
    return cudaSuccess;
  });
}

cudaError_t get_access(Pool* pool, const cudaMemLocation& location, cudaMemAccessFlags* flags) {
  return with_pool(pool, [&](Pool& entry) {
    if (location.type != cudaMemLocationTypeDevice || !Core::instance().is_device(location.id)) {
      return cudaErrorInvalidValue;
    }
    *flags = entry.accessing_devices.contains(location.id) ? cudaMemAccessFlagsProtReadWrite
                                                           : cudaMemAccessFlagsProtNone;
    return cudaSuccess;
  });
}

cudaError_t allocate_from(Pool* pool, Stream& stream, std::uint64_t bytes, void** address) {
  *address = nullptr;
  if (bytes == 0) {
    return cudaSuccess;
  }
  std::shared_ptr<Pool> owner;
  bool fits = false;
  for (const bool is_last_try : {false, true}) {
    {
      const std::scoped_lock lock(state().mutex);
      const auto found = state().pools.find(pool);
      if (found == state().pools.end() || found->second->imported_file >= 0) {
        return cudaErrorInvalidValue;
      }
      owner = found->second;
      fits = grow(*owner, bytes);
    }
    if (fits || is_last_try) {
      break;
    }
    await_streams(Core::instance().device(stream.device->ordinal));
  }
  if (!fits) {
    return cudaErrorMemoryAllocation;
  }
  Device& device = Core::instance().device(owner->device);
  const cudaError_t error = Core::instance().memory().allocate_pooled(device, address, bytes);
  const std::scoped_lock lock(state().mutex);
  if (error != cudaSuccess) {
    owner->used -= bytes;
    return error;
  }
  let_in(*address, *owner);
  state().allocations[*address] = {std::move(owner), bytes};
  return cudaSuccess;
}

void note_pool_free(const void* address) {
  const std::scoped_lock lock(state().mutex);
  const auto found = state().allocations.find(address);
  if (found == state().allocations.end()) {
    return;
  }
  Pool& pool = *found->second.pool;
  pool.used -= found->second.bytes;
  if (pool.is_destroyed) {
    shrink(pool, 0);
  }
  state().allocations.erase(found);
}

void release_unused(Device& device) {
  const std::scoped_lock lock(state().mutex);
  for (const auto& [handle, pool] : state().pools) {
    if (pool->device == device.ordinal && pool->imported_file < 0) {
      shrink(*pool, pool->threshold_bytes);
    }
  }
}

cudaError_t export_pool(Pool* pool, int* file) {
  Core::instance().executor().share_memory();
  return with_pool(pool, [&](Pool& entry) {
    if ((entry.handle_types & cudaMemHandleTypePosixFileDescriptor) == 0 ||
        entry.imported_file >= 0) {
      return cudaErrorInvalidValue;
    }
    *file = fcntl(Core::instance().device(entry.device).heap.file(), F_DUPFD_CLOEXEC, 0);
    return *file >= 0 ? cudaSuccess : cudaErrorOperatingSystem;
  });
}

cudaError_t import_pool(int file, int device, Pool** pool) {
  Core::instance().executor().share_memory();
  auto made = std::make_shared<Pool>();
  made->device = device;
  made->imported_file = fcntl(file, F_DUPFD_CLOEXEC, 0);
  if (made->imported_file < 0) {
    return cudaErrorInvalidValue;
  }
  const std::scoped_lock lock(state().mutex);
  *pool = add(std::move(made));
  return cudaSuccess;
}

cudaError_t export_pointer(const void* address, cudaMemPoolPtrExportData* data) {
  const std::scoped_lock lock(state().mutex);
  const auto found = state().allocations.find(address);
  if (found == state().allocations.end() ||
      (found->second.pool->handle_types & cudaMemHandleTypePosixFileDescriptor) == 0) {
    return cudaErrorInvalidValue;
  }
  const auto place = Core::instance().device(found->second.pool->device).heap.place(address);
  const PointerName name{kMagic, place->offset, found->second.bytes};
  std::memset(data, 0, sizeof *data);
  std::memcpy(data, &name, sizeof name);
  return cudaSuccess;
}

cudaError_t import_pointer(Pool* pool, const cudaMemPoolPtrExportData& data, void** address) {
  return with_pool(pool, [&](Pool& entry) {
    PointerName name;
    std::memcpy(static_cast<void*>(&name), &data, sizeof name);
    if (name.magic != kMagic || entry.imported_file < 0) {
      return cudaErrorInvalidValue;
    }
    return Core::instance().memory().import_file(entry.imported_file, name.offset, name.size_bytes,
                                                 entry.device, address);
  });
}

}  // namespace rackproof::emulator::engine
