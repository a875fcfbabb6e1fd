#include "emulator/engine/memory_map.hpp"

#include "emulator/engine/core.hpp"
#include "emulator/engine/graph/memory.hpp"
#include "emulator/engine/host_touch.hpp"
#include "emulator/engine/memory_pool.hpp"

#include <algorithm>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <sys/mman.h>
#include <unistd.h>

namespace rackproof::emulator::engine {
namespace {

constexpr std::uint64_t kMagic = 0x726b70726f6f6631ULL;  // "rkproof1"

std::uintptr_t key_of(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address);
}

void* map_anonymous(std::uint64_t bytes) {
  void* address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return address == MAP_FAILED ? nullptr : address;
}

}  // namespace

int open_file_of(std::int32_t process, std::int32_t file) {
  const std::string path = "/proc/" + std::to_string(process) + "/fd/" + std::to_string(file);
  return open(path.c_str(), O_RDWR | O_CLOEXEC);
}

std::uint64_t process_start_ticks(std::int32_t process) {
  std::ifstream stream("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  std::getline(stream, line);
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos) {
    return 0;
  }
  std::istringstream fields(line.substr(name_end + 1));
  std::string field;
  // The first field after the name is number 3 (state); the start time is number 22.
  for (int number = 3; number <= 22; ++number) {
    fields >> field;
  }
  return std::strtoull(field.c_str(), nullptr, 10);
}

void MemoryMap::insert(void* address, Entry entry, memory::Kind kind) {
  memory::Allocation allocation;
  allocation.base = key_of(address);
  allocation.size_bytes = entry.size_bytes;
  allocation.kind = kind;
  allocation.device = entry.device;
  // Pools, mappings and imports carry access lists of their own.
  allocation.needs_peer_access = entry.owner == Owner::heap;
  const std::scoped_lock lock(mutex_);
  allocation.id = next_id_++;
  entries_[key_of(address)] = entry;
  Core::instance().addresses().insert(allocation);
}

std::optional<MemoryMap::Entry> MemoryMap::take(void* address,
                                                std::initializer_list<Owner> owners) {
  const std::scoped_lock lock(mutex_);
  const auto found = entries_.find(key_of(address));
  if (found == entries_.end() ||
      std::find(owners.begin(), owners.end(), found->second.owner) == owners.end()) {
    return std::nullopt;
  }
  Entry entry = found->second;
  if (entry.references > 1) {
    --found->second.references;
    return entry;
  }
  entries_.erase(found);
  Core::instance().addresses().retire(key_of(address));
  return entry;
}

cudaError_t MemoryMap::allocate_device(Device& device, void** address, std::uint64_t bytes) {
  *address = nullptr;
  if (bytes == 0) {
    return cudaSuccess;
  }
  void* memory = device.heap.allocate(bytes);
  if (memory == nullptr) {
    return cudaErrorMemoryAllocation;
  }
  insert(memory, {.owner = Owner::heap, .size_bytes = bytes, .device = device.ordinal},
         memory::Kind::device);
  *address = memory;
  return cudaSuccess;
}

cudaError_t MemoryMap::allocate_pooled(Device& device, void** address, std::uint64_t bytes) {
  *address = device.heap.allocate_range(bytes);
  if (*address == nullptr) {
    return cudaErrorMemoryAllocation;
  }
  insert(*address, {.owner = Owner::pool, .size_bytes = bytes, .device = device.ordinal},
         memory::Kind::device);
  return cudaSuccess;
}

void MemoryMap::adopt_graph_memory(Device& device, void* address, std::uint64_t bytes) {
  insert(address, {.owner = Owner::graph, .size_bytes = bytes, .device = device.ordinal},
         memory::Kind::device);
}

cudaError_t MemoryMap::free_device(void* address) {
  if (address == nullptr) {
    return cudaSuccess;
  }
  const auto entry =
      take(address, {Owner::heap, Owner::pool, Owner::pool_import, Owner::graph, Owner::managed});
  if (!entry) {
    return cudaErrorInvalidValue;
  }
  Device& device = Core::instance().device(entry->device);
  if (entry->owner == Owner::heap) {
    device.heap.release(address);
  } else if (entry->owner == Owner::pool) {
    device.heap.release(address);
    note_pool_free(address);
  } else if (entry->owner == Owner::pool_import) {
    munmap(entry->mapping, entry->mapping_bytes);
  } else if (entry->owner == Owner::graph) {
    graph::give_back(address);
  } else {
    Core::instance().executor().host_pages().remove(key_of(address), entry->size_bytes);
    munmap(address, entry->size_bytes);
  }
  return cudaSuccess;
}

cudaError_t MemoryMap::allocate_host(void** address, std::uint64_t bytes, unsigned flags,
                                     int device) {
  *address = nullptr;
  if (bytes == 0) {
    return cudaSuccess;
  }
  void* memory = map_anonymous(bytes);
  if (memory == nullptr) {
    return cudaErrorMemoryAllocation;
  }
  insert(memory, {.owner = Owner::host, .size_bytes = bytes, .device = device, .flags = flags},
         memory::Kind::pinned_host);
  *address = memory;
  return cudaSuccess;
}

cudaError_t MemoryMap::free_host(void* address) {
  if (address == nullptr) {
    return cudaSuccess;
  }
  const auto entry = take(address, {Owner::host});
  if (!entry) {
    return cudaErrorInvalidValue;
  }
  Core::instance().executor().host_pages().remove(key_of(address), entry->size_bytes);
  munmap(address, entry->size_bytes);
  return cudaSuccess;
}

cudaError_t MemoryMap::register_host(void* address, std::uint64_t bytes, unsigned flags,
                                     int device) {
  Core::instance().executor().share_memory();
  if (address == nullptr || bytes == 0) {
    return cudaErrorInvalidValue;
  }
  if (find(address)) {
    return cudaErrorHostMemoryAlreadyRegistered;
  }
  insert(address,
         {.owner = Owner::registered, .size_bytes = bytes, .device = device, .flags = flags},
         memory::Kind::pinned_host);
  return cudaSuccess;
}

cudaError_t MemoryMap::unregister_host(void* address) {
  const auto entry = take(address, {Owner::registered});
  if (!entry) {
    return cudaErrorHostMemoryNotRegistered;
  }
  Core::instance().executor().host_pages().remove(key_of(address), entry->size_bytes);
  return cudaSuccess;
}

void MemoryMap::watch_copy(const void* address, std::uint64_t bytes, bool is_written) {
  if (!Core::instance().settings().checks.host) {
    return;
  }
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  std::uintptr_t first = (key_of(address) + page - 1) / page * page;
  std::uintptr_t last = (key_of(address) + bytes) / page * page;
  {
    const std::scoped_lock lock(mutex_);
    auto found = entries_.upper_bound(key_of(address));
    if (found == entries_.begin()) {
      return;
    }
    --found;
    const auto& [base, entry] = *found;
    if ((entry.owner != Owner::host && entry.owner != Owner::registered) ||
        key_of(address) - base >= entry.size_bytes) {
      return;
    }
    // What lies behind pinned memory in its last page is nobody's.
    if (entry.owner == Owner::host && key_of(address) + bytes == base + entry.size_bytes) {
      last = (key_of(address) + bytes + page - 1) / page * page;
    }
  }
  if (first < last) {
    watch_page_faults();
    Core::instance().executor().host_pages().add_copy(first, last - first, is_written);
  }
}

std::optional<unsigned> MemoryMap::host_flags(const void* address) const {
  const std::scoped_lock lock(mutex_);
  auto found = entries_.upper_bound(key_of(address));
  if (found == entries_.begin()) {
    return std::nullopt;
  }
  --found;
  const bool is_host =
      found->second.owner == Owner::host || found->second.owner == Owner::registered;
  if (!is_host || key_of(address) >= found->first + found->second.size_bytes) {
    return std::nullopt;
  }
  return found->second.flags;
}

cudaError_t MemoryMap::allocate_managed(void** address, std::uint64_t bytes, int device) {
  *address = nullptr;
  if (bytes == 0) {
    return cudaErrorInvalidValue;
  }
  void* memory = map_anonymous(bytes);
  if (memory == nullptr) {
    return cudaErrorMemoryAllocation;
  }
  insert(memory, {.owner = Owner::managed, .size_bytes = bytes, .device = device},
         memory::Kind::managed);
  if (Core::instance().settings().checks.host) {
    watch_page_faults();
    Core::instance().executor().host_pages().add(key_of(memory), bytes);
  }
  *address = memory;
  return cudaSuccess;
}

cudaError_t MemoryMap::export_shared(const void* address, SharedMemoryName& name) const {
  Core::instance().executor().share_memory();
  const auto allocation = find(address);
  if (!allocation || allocation->kind != memory::Kind::device) {
    return cudaErrorInvalidValue;
  }
  const auto place = Core::instance().device(allocation->device).heap.place(address);
  if (!place) {
    return cudaErrorInvalidValue;
  }
  name = {kMagic,        getpid(),          place->file,
          place->offset, place->size_bytes, process_start_ticks(getpid())};
  return cudaSuccess;
}

cudaError_t MemoryMap::import_shared(const SharedMemoryName& name, void** address, int device) {
  *address = nullptr;
  if (name.magic != kMagic) {
    return cudaErrorInvalidValue;
  }
  // CUDA refuses to open a handle in the process that made it.
  if (name.process == getpid()) {
    return cudaErrorDeviceUninitialized;
  }
  {
    const std::scoped_lock lock(mutex_);
    for (auto& [base, entry] : entries_) {
      if (entry.owner == Owner::imported && entry.name.process == name.process &&
          entry.name.process_start == name.process_start && entry.name.file == name.file &&
          entry.name.offset == name.offset) {
        ++entry.references;
        *address = reinterpret_cast<void*>(base);
        return cudaSuccess;
      }
    }
  }
  if (process_start_ticks(name.process) != name.process_start) {
    return cudaErrorMapBufferObjectFailed;
  }
  const int file = open_file_of(name.process, name.file);
  if (file < 0) {
    return cudaErrorMapBufferObjectFailed;
  }
  Entry entry{.owner = Owner::imported, .device = device, .name = name};
  const cudaError_t error = map_file(file, name.offset, name.size_bytes, entry, address);
  close(file);
  return error;
}

cudaError_t MemoryMap::import_file(int file, std::uint64_t offset, std::uint64_t bytes, int device,
                                   void** address) {
  return map_file(file, offset, bytes, {.owner = Owner::pool_import, .device = device}, address);
}

cudaError_t MemoryMap::map_file(int file, std::uint64_t offset, std::uint64_t bytes, Entry entry,
                                void** address) {
  Core::instance().executor().share_memory();
  *address = nullptr;
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  const std::uint64_t begin = offset / page * page;
  entry.size_bytes = bytes;
  entry.mapping_bytes = offset - begin + bytes;
  entry.mapping = mmap(nullptr, entry.mapping_bytes, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_NORESERVE, file, static_cast<off_t>(begin));
  if (entry.mapping == MAP_FAILED) {
    return cudaErrorMapBufferObjectFailed;
  }
  *address = static_cast<std::byte*>(entry.mapping) + (offset - begin);
  insert(*address, entry, memory::Kind::peer_import);
  return cudaSuccess;
}

cudaError_t MemoryMap::close_shared(void* address) {
  const auto entry = take(address, {Owner::imported});
  if (!entry) {
    return cudaErrorInvalidValue;
  }
  if (entry->references == 1) {
    munmap(entry->mapping, entry->mapping_bytes);
  }
  return cudaSuccess;
}

std::optional<memory::Allocation> MemoryMap::find(const void* address) {
  auto allocation = Core::instance().addresses().find(key_of(address));
  return allocation && !allocation->freed ? allocation : std::nullopt;
}

void MemoryMap::free_all(Device& device) {
  std::vector<void*> addresses;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [base, entry] : entries_) {
      if (entry.device == device.ordinal &&
          (entry.owner == Owner::heap || entry.owner == Owner::pool ||
           entry.owner == Owner::graph)) {
        addresses.push_back(reinterpret_cast<void*>(base));
      }
    }
  }
  for (void* address : addresses) {
    static_cast<void>(free_device(address));
  }
}

}  // namespace rackproof::emulator::engine
