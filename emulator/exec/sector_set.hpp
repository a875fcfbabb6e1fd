#pragma once
/// The distinct 32-byte sectors of global memory that a grid touched: its compulsory traffic.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <unordered_map>

namespace rackproof::emulator::exec {

class SectorSet {
 public:
  void insert(std::uint64_t sector) { insert(sector, sector); }
  /// Sectors `first` to `last`, inclusive.
  void insert(std::uint64_t first, std::uint64_t last) {
    while (first <= last) {
      Page& page = find(first / kSectorsPerPage);
      const std::uint64_t bit = first % kSectorsPerPage;
      const std::uint64_t end = std::min(last - first + bit, kSectorsPerPage - 1);
      for (std::uint64_t word = bit / 64; word <= end / 64; ++word) {
        const std::uint64_t low = word == bit / 64 ? bit % 64 : 0;
        const std::uint64_t high = word == end / 64 ? end % 64 : 63;
        const std::uint64_t mask = (~std::uint64_t{0} >> (63 - (high - low))) << low;
        count_ += static_cast<std::uint64_t>(std::popcount(mask & ~page[word]));
        page[word] |= mask;
      }
      first += end - bit + 1;
    }
  }
  void insert(const SectorSet& other) {
    for (const auto& [number, theirs] : other.pages_) {
      Page& page = find(number);
      for (std::size_t word = 0; word < page.size(); ++word) {
        count_ += static_cast<std::uint64_t>(std::popcount((*theirs)[word] & ~page[word]));
        page[word] |= (*theirs)[word];
      }
    }
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  static constexpr std::uint64_t kSectorsPerPage = 65536;  // 2 MiB of memory, 8 KiB of bits
  using Page = std::array<std::uint64_t, kSectorsPerPage / 64>;

  Page& find(std::uint64_t number) {
    Recent& recent = recent_[number % recent_.size()];
    if (recent.page == nullptr || recent.number != number) {
      auto& page = pages_[number];
      if (!page) {
        page = std::make_unique<Page>();
      }
      recent = {number, page.get()};
    }
    return *recent.page;
  }

  std::unordered_map<std::uint64_t, std::unique_ptr<Page>> pages_;
  /// Pages found lately: kernels stream through several arrays at once.
  struct Recent {
    std::uint64_t number = 0;
    Page* page = nullptr;
  };
  std::array<Recent, 16> recent_{};
  std::uint64_t count_ = 0;
};

}  // namespace rackproof::emulator::exec
