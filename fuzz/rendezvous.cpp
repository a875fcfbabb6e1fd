// The NCCL double's rendezvous: ids as programs pass them around (whole, torn, of another library)
// and ranks that join in any order, twice, or with another size.
#include "emulator/api_nccl/segment.hpp"
#include "fuzz/require.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

namespace {

using namespace rackproof::emulator::api_nccl;

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  [[nodiscard]] bool empty() const { return size_ == 0; }
  std::uint8_t byte() {
    if (size_ == 0) {
      return 0;
    }
    --size_;
    return *data_++;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

// Few enough that every input maps at most a few MiB.
constexpr int kMostRanks = 5;

void forget(const SegmentId& id) {
  try {
    Segment(id, 1).forget_file();
  } catch (const SegmentError&) {
    // Its ranks joined and forgot it, or the number of its file was damaged.
  }
}

void join(Input& input, const SegmentId& id, bool intact) {
  std::vector<std::unique_ptr<Segment>> joined;
  int size = 0;
  bool present[kMostRanks] = {};
  while (!input.empty() && joined.size() < 8) {
    const int ranks = 1 + input.byte() % kMostRanks;
    const int rank = input.byte() % ranks;
    try {
      auto segment = std::make_unique<Segment>(id, ranks);
      rackproof::fuzz::require(intact, "only an intact id opens a segment");
      rackproof::fuzz::require(size == 0 || size == ranks, "all ranks agree on the size");
      size = ranks;
      segment->attach(rank, GpuPlace{});
      rackproof::fuzz::require(!present[rank], "a rank joins once");
      present[rank] = true;
      std::memset(segment->slot(rank, input.byte()), 0x5a, kSlotBytes);
      bool all = true;
      for (int other = 0; other < ranks; ++other) {
        all = all && present[other];
      }
      rackproof::fuzz::require(segment->is_complete() == all, "complete when all have joined");
      joined.push_back(std::move(segment));
      if (all) {
        joined.back()->forget_file();
        return;
      }
    } catch (const SegmentError&) {
    }
  }
  // The process that made the id keeps its file until all have joined: give it back.
  for (const auto& segment : joined) {
    segment->forget_file();
  }
  if (joined.empty() && intact) {
    forget(id);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const SegmentId made = Segment::create();
  SegmentId id = made;
  const std::uint8_t damages = input.byte() % 4;
  auto* const bytes = reinterpret_cast<std::uint8_t*>(&id);
  for (std::uint8_t i = 0; i < damages; ++i) {
    const std::size_t at = input.byte() % sizeof id;
    bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ input.byte());
  }
  // Another number of the same process or file is still the same file; the token decides.
  const bool intact = id.magic == made.magic && id.token == made.token;
  join(input, id, intact);
  if (std::memcmp(&id, &made, sizeof id) != 0) {
    forget(made);
  }
  return 0;
}
