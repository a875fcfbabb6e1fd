#pragma once
/// Device memory on the host: one sparse memory file a device, of which pages cost the host only
/// when touched, and which other processes can map.

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

namespace rackproof::emulator::engine {

/// Hands out address ranges of one device. Freed ranges are reused as late as possible, so that a
/// use after free meets a tombstone and not somebody else's data; behind each range addresses stay
/// free, so that an index out of bounds meets nobody's data either. Thread-safe.
class DeviceHeap {
 public:
  /// `capacity_bytes` is what the device reports as its memory; the file is made at first use.
  explicit DeviceHeap(std::uint64_t capacity_bytes) : capacity_bytes_(capacity_bytes) {}
  ~DeviceHeap();
  DeviceHeap(const DeviceHeap&) = delete;
  DeviceHeap& operator=(const DeviceHeap&) = delete;

  /// Zeroed memory, aligned to 512 bytes (cudaMalloc promises 256); nullptr: out of memory.
  [[nodiscard]] void* allocate(std::uint64_t bytes);
  /// The same range of addresses without charging the device's memory: the caller reserves what is
  /// behind it when it is. nullptr: no addresses left.
  [[nodiscard]] void* allocate_range(std::uint64_t bytes);
  /// Gives the pages back to the host. False: no allocation begins at `address`.
  bool release(void* address);
  /// Charges or returns memory that lives elsewhere (cuMemCreate); false: out of memory.
  bool reserve(std::uint64_t bytes);
  void unreserve(std::uint64_t bytes);

  [[nodiscard]] std::uint64_t free_bytes() const;
  [[nodiscard]] std::uint64_t capacity_bytes() const { return capacity_bytes_; }

  /// Where an allocation lies in the device's memory file, for export to another process.
  struct Place {
    int file = -1;
    std::uint64_t offset = 0;
    std::uint64_t size_bytes = 0;
  };
  /// Of the allocation that contains `address`.
  [[nodiscard]] std::optional<Place> place(const void* address) const;

  /// The memory file, made if it is not there; -1: it cannot be.
  [[nodiscard]] int file();

  /// Zeroes a range; whole pages of large ranges are dropped instead of written.
  void zero(void* address, std::uint64_t bytes) const;

 private:
  bool create_arena();
  [[nodiscard]] void* allocate(std::uint64_t bytes, bool is_charged);
  [[nodiscard]] std::optional<std::uint64_t> take_range(std::uint64_t bytes);

  struct Taken {
    std::uint64_t bytes = 0;        // asked for
    std::uint64_t range_bytes = 0;  // with the guard behind them
    bool is_charged = true;
  };

  mutable std::mutex mutex_;
  std::uint64_t capacity_bytes_;
  std::uint64_t used_bytes_ = 0;
  int file_ = -1;
  std::byte* base_ = nullptr;
  std::uint64_t arena_bytes_ = 0;
  std::uint64_t cursor_ = 0;                     // next-fit position
  std::map<std::uint64_t, std::uint64_t> free_;  // offset -> bytes
  std::map<std::uint64_t, Taken> allocations_;   // by offset
};

}  // namespace rackproof::emulator::engine
