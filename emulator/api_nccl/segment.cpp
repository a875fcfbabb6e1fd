#include "emulator/api_nccl/segment.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <new>
#include <string>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>
#include <utility>

namespace rackproof::emulator::api_nccl {
namespace {

constexpr std::uint64_t kMagic = 0x72706e63636c0001ULL;  // "rpnccl", layout 1
constexpr std::size_t kHeaderBytes = 4096;

[[noreturn]] void fail(const std::string& what) {
  throw SegmentError(what + ": " + std::strerror(errno));
}

/// Files that this process created and other ranks may still open, by token: the number of a closed
/// file soon belongs to another.
struct OwnedFiles {
  std::mutex mutex;
  std::map<std::array<std::uint64_t, 2>, int> descriptors;
};
OwnedFiles& owned_files() {
  // Never destroyed: ranks may come and go after main returns.
  static auto* files = new OwnedFiles;
  return *files;
}

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) {
      close(descriptor_);
    }
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int get() const { return descriptor_; }
  int release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

std::size_t total_bytes(int ranks) {
  const auto n = static_cast<std::size_t>(ranks);
  return kHeaderBytes + n * sizeof(Mailbox) + n * kSlotsPerRank * kSlotBytes;
}

}  // namespace

struct Segment::Header {
  std::array<std::uint64_t, 2> token{};
  std::atomic<std::uint32_t> ranks{0};  ///< 0 until the first rank attaches
};

SegmentId Segment::create() {
  File file(memfd_create("rackproof-nccl", MFD_CLOEXEC));
  if (file.get() < 0) {
    fail("memfd_create");
  }
  if (ftruncate(file.get(), kHeaderBytes) != 0) {
    fail("ftruncate of the shared segment");
  }
  SegmentId id;
  id.magic = kMagic;
  id.pid = getpid();
  id.file_descriptor = file.get();
  if (getrandom(id.token.data(), sizeof id.token, 0) != static_cast<ssize_t>(sizeof id.token)) {
    fail("getrandom");
  }
  if (pwrite(file.get(), id.token.data(), sizeof id.token, offsetof(Header, token)) !=
      static_cast<ssize_t>(sizeof id.token)) {
    fail("write of the shared segment");
  }
  OwnedFiles& files = owned_files();
  const std::lock_guard lock(files.mutex);
  files.descriptors.emplace(id.token, file.release());
  return id;
}

Segment::Segment(const SegmentId& id, int ranks)
    : id_(id), ranks_(ranks), size_bytes_(total_bytes(ranks)) {
  if (id.magic != kMagic) {
    throw SegmentError("the unique id does not come from this library's ncclGetUniqueId");
  }
  const std::string path =
      "/proc/" + std::to_string(id.pid) + "/fd/" + std::to_string(id.file_descriptor);
  const File file(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (file.get() < 0) {
    fail("opening " + path + " (is the process that made the unique id gone?)");
  }
  std::array<std::uint64_t, 2> token{};
  if (pread(file.get(), token.data(), sizeof token, offsetof(Header, token)) !=
          static_cast<ssize_t>(sizeof token) ||
      token != id.token) {
    throw SegmentError("the process that made the unique id is gone");
  }
  // Reserves the pages, so that a full memory is an error here and not a signal later.
  const int refused = posix_fallocate(file.get(), 0, static_cast<off_t>(size_bytes_));
  if (refused != 0) {
    errno = refused;
    fail("reserving " + std::to_string(size_bytes_) + " bytes of shared memory");
  }
  void* mapped = mmap(nullptr, size_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (mapped == MAP_FAILED) {
    fail("mmap of the shared segment");
  }
  base_ = static_cast<std::byte*>(mapped);
  std::uint32_t agreed = 0;
  const auto own = static_cast<std::uint32_t>(ranks);
  auto& header = *std::launder(reinterpret_cast<Header*>(base_));
  if (!header.ranks.compare_exchange_strong(agreed, own) && agreed != own) {
    munmap(base_, size_bytes_);
    throw SegmentError("this rank says " + std::to_string(ranks) + " ranks, another said " +
                       std::to_string(agreed));
  }
}

Segment::~Segment() {
  munmap(base_, size_bytes_);
}

Mailbox& Segment::mailbox(int rank) const {
  auto* first = std::launder(reinterpret_cast<Mailbox*>(base_ + kHeaderBytes));
  return first[rank];
}

std::byte* Segment::slot(int rank, std::uint64_t round) const {
  const std::size_t index = static_cast<std::size_t>(rank) * kSlotsPerRank +
                            static_cast<std::size_t>(round % kSlotsPerRank);
  return base_ + kHeaderBytes + static_cast<std::size_t>(ranks_) * sizeof(Mailbox) +
         index * kSlotBytes;
}

void Segment::attach(int rank, const GpuPlace& gpu) {
  Mailbox& own = mailbox(rank);
  // Two steps, so that nobody sees the rank before its facts: 1 claims, 2 announces.
  std::uint32_t free_slot = 0;
  if (!own.attached.compare_exchange_strong(free_slot, 1)) {
    throw SegmentError("rank " + std::to_string(rank) + " joined twice");
  }
  own.gpu = gpu;
  own.attached.store(2, std::memory_order_release);
}

bool Segment::is_complete() const {
  for (int rank = 0; rank < ranks_; ++rank) {
    if (mailbox(rank).attached.load(std::memory_order_acquire) != 2) {
      return false;
    }
  }
  return true;
}

void Segment::forget_file() {
  OwnedFiles& files = owned_files();
  const std::lock_guard lock(files.mutex);
  const auto found = files.descriptors.find(id_.token);
  if (found != files.descriptors.end()) {
    close(found->second);
    files.descriptors.erase(found);
  }
}

}  // namespace rackproof::emulator::api_nccl
