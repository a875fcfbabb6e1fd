#pragma once
/// Memory that the ranks of one communicator share, within and across processes.
///
/// An anonymous memory file (memfd) of the process that asked for the unique id; the others open it
/// through /proc/<pid>/fd. It has no name, so nothing is left behind when processes die.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>

namespace rackproof::emulator::api_nccl {

/// Bytes that one rank hands to the others in one round. Large enough that copying dominates the
/// poll interval, small enough that 72 ranks share 36 MiB.
inline constexpr std::size_t kSlotBytes = 256 * 1024;
/// Two slots a rank: one is filled while the others still read the one before. That is enough: a
/// rank writes round r when it has read r - 1, hence when all have written r - 1, hence when all
/// have read r - 2.
inline constexpr std::uint64_t kSlotsPerRank = 2;

/// The segment cannot be opened, or not by this rank.
class SegmentError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Travels inside ncclUniqueId.
struct SegmentId {
  std::uint64_t magic = 0;
  std::int32_t pid = 0;
  std::int32_t file_descriptor = -1;
  std::array<std::uint64_t, 2> token{};  ///< random; guards against a reused pid
};

/// What a rank is executing; equal on all ranks but for the start time.
struct CallDescriptor {
  std::uint32_t kind = 0;
  std::uint32_t type = 0;
  std::uint32_t op = 0;
  std::int32_t root = 0;
  std::uint64_t count = 0;
  std::uint64_t sequence = 0;
  std::int64_t start_time_ps = 0;
};

/// One rank's part of ncclCommSplit number `published`.
struct SplitBox {
  std::int32_t color = 0;
  std::int32_t key = 0;
  SegmentId child;  ///< by the first rank of each color
  std::atomic<std::uint64_t> published{0};
  std::atomic<std::uint64_t> child_published{0};
  std::atomic<std::uint64_t> finished{0};
};

/// Where a rank runs.
struct GpuPlace {
  std::array<std::uint8_t, 16> uuid{};
  std::int32_t tray = 0;
  std::int32_t nvlink_domain = 0;  ///< GPUs of one domain reach each other over NVLink
};

/// Written by its rank alone, read by all. Zeroed memory is a valid initial state.
struct alignas(128) Mailbox {
  std::atomic<std::uint32_t> attached{0};
  GpuPlace gpu;  ///< valid once attached
  std::atomic<std::uint64_t> rounds_written{0};
  std::array<CallDescriptor, kSlotsPerRank> descriptors{};
  SplitBox split;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

class Segment {
 public:
  /// Creates an empty segment in this process. Throws SegmentError.
  [[nodiscard]] static SegmentId create();
  /// Opens and maps it for `ranks` ranks; all must pass the same number. Throws SegmentError.
  Segment(const SegmentId& id, int ranks);
  ~Segment();
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  [[nodiscard]] Mailbox& mailbox(int rank) const;
  [[nodiscard]] std::byte* slot(int rank, std::uint64_t round) const;
  /// Marks `rank` as present. Throws SegmentError if it already is.
  void attach(int rank, const GpuPlace& gpu);
  [[nodiscard]] bool is_complete() const;
  /// Call when complete: nobody will open the segment again.
  void forget_file();

 private:
  struct Header;

  SegmentId id_;
  int ranks_;
  std::size_t size_bytes_;
  std::byte* base_ = nullptr;
};

}  // namespace rackproof::emulator::api_nccl
