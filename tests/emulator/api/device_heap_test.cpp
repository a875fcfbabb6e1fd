// Device memory: capacity, sparseness, reuse, zeroing.

#include "emulator/engine/device_heap.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <set>
#include <sys/resource.h>
#include <unistd.h>

namespace rackproof::emulator::engine {
namespace {

constexpr std::uint64_t kGiB = 1ULL << 30U;

std::uint64_t max_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

TEST(DeviceHeap, LargeAllocationsCostWhatIsTouched) {
  DeviceHeap heap(256 * kGiB);
  auto* memory = static_cast<std::byte*>(heap.allocate(200 * kGiB));
  ASSERT_NE(memory, nullptr);
  memory[0] = std::byte{1};
  memory[200 * kGiB - 1] = std::byte{2};
  EXPECT_LT(max_resident_bytes(), kGiB);
  EXPECT_EQ(heap.allocate(100 * kGiB), nullptr) << "more than the device has";
  EXPECT_TRUE(heap.release(memory));
  EXPECT_NE(heap.allocate(100 * kGiB), nullptr);
}

// ulimit -v of a batch system, or a sanitizer.
TEST(DeviceHeap, WithFewAddressesThereIsLessMemory) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlimit tight = before;
  tight.rlim_cur = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) + 5 * kGiB;
  ASSERT_EQ(setrlimit(RLIMIT_AS, &tight), 0);
  DeviceHeap heap(256 * kGiB);
  void* const some = heap.allocate(kGiB);
  void* const too_much = heap.allocate(16 * kGiB);
  ASSERT_EQ(setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_NE(some, nullptr);
  EXPECT_EQ(too_much, nullptr);
}

TEST(DeviceHeap, FreedMemoryComesBackZeroedAndLate) {
  DeviceHeap heap(kGiB);
  std::set<void*> seen;
  for (int i = 0; i < 100; ++i) {
    auto* memory = static_cast<unsigned char*>(heap.allocate(3 << 20));
    ASSERT_NE(memory, nullptr);
    EXPECT_TRUE(seen.insert(memory).second) << "reused while there was untouched space";
    for (const int offset : {0, 4095, 4096, (3 << 20) - 1}) {
      EXPECT_EQ(memory[offset], 0);
    }
    std::memset(memory, 0xff, 3 << 20);
    ASSERT_TRUE(heap.release(memory));
  }
  // Long enough to come round: everything is reused, and still zero.
  for (int i = 0; i < 1000; ++i) {
    auto* memory = static_cast<unsigned char*>(heap.allocate(3 << 20));
    ASSERT_NE(memory, nullptr);
    EXPECT_EQ(memory[i * 3000], 0);
    memory[i * 3000] = 1;
    ASSERT_TRUE(heap.release(memory));
  }
}

TEST(DeviceHeap, ReleaseKnowsOnlyTheBeginningOfAllocations) {
  DeviceHeap heap(kGiB);
  auto* memory = static_cast<std::byte*>(heap.allocate(100));
  int local = 0;
  EXPECT_FALSE(heap.release(memory + 1));
  EXPECT_FALSE(heap.release(&local));
  EXPECT_TRUE(heap.release(memory));
  EXPECT_FALSE(heap.release(memory));
}

TEST(DeviceHeap, PlaceNamesFileAndOffsetOfInteriorAddresses) {
  DeviceHeap heap(kGiB);
  auto* first = static_cast<std::byte*>(heap.allocate(1000));
  auto* second = static_cast<std::byte*>(heap.allocate(1000));
  const auto place = heap.place(second + 999);
  ASSERT_TRUE(place);
  EXPECT_EQ(place->size_bytes, 1000U);
  EXPECT_EQ(place->offset - heap.place(first)->offset, static_cast<std::uint64_t>(second - first));
  EXPECT_FALSE(heap.place(second + 1000)) << "beyond the end";
}

TEST(DeviceHeap, ZeroClearsExactlyTheRange) {
  DeviceHeap heap(kGiB);
  constexpr std::size_t kBytes = 16 << 20;
  auto* memory = static_cast<unsigned char*>(heap.allocate(kBytes));
  std::memset(memory, 0xaa, kBytes);
  heap.zero(memory + 100, kBytes - 200);
  EXPECT_EQ(memory[99], 0xaa);
  EXPECT_EQ(memory[kBytes - 100], 0xaa);
  for (std::size_t i = 100; i < kBytes - 100; ++i) {
    ASSERT_EQ(memory[i], 0) << i;
  }
}

}  // namespace
}  // namespace rackproof::emulator::engine
