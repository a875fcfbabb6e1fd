#pragma once
/// Pages of memory that the program's threads reach only by a page fault, so that what they do
/// there can be judged, while the host cannot know all work done: managed memory, and pinned memory
/// that asynchronous copies read or write.
///
/// The emulator's own threads open a whole range when they meet it; it is closed again when an
/// operation ends. Of the host's accesses the first read and the first write of each page are seen.
/// A system call that is handed memory in a closed page fails with EFAULT, as it would not on
/// hardware. So pinned memory, which programs hand to files and sockets while devices work
/// elsewhere, is closed only where every byte of a page belongs to a copy.

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>

namespace rackproof::emulator::engine {

/// Thread-safe. No call touches the memory itself.
class HostPages {
 public:
  /// Managed memory.
  void add(std::uintptr_t base, std::uint64_t bytes);
  /// Memory that is about to go.
  void remove(std::uintptr_t base, std::uint64_t bytes);
  /// A copy that is about to be enqueued reads or writes whole pages.
  void add_copy(std::uintptr_t base, std::uint64_t bytes, bool is_written);

  /// Work has been enqueued that the host cannot know done.
  void close();
  /// Closes what threads of the emulator have opened.
  void close_again();
  /// The host knows all work done.
  void open();

  enum class Meeting : std::uint8_t {
    elsewhere,  ///< not a page of ours: a fault of the program's own
    passed,     ///< opened; nothing to be judged
    watched,    ///< opened for the host: what it does there is to be judged
  };
  /// A thread has been stopped at `address`; it may go on when this returns.
  Meeting meet(std::uintptr_t address, bool writes, bool is_emulator);

 private:
  struct Range {
    std::uint64_t bytes = 0;
    bool is_readable = false;  // a copy's source: closed to writes alone
    bool is_of_copy = false;   // until the host knows all work done
    bool is_closed = false;
    bool is_lent = false;       // to a thread of the emulator: open
    std::uint32_t touches = 0;  // by the host, since it was closed
  };
  static void close(std::uintptr_t base, Range& range);

  std::mutex mutex_;
  std::map<std::uintptr_t, Range> ranges_;
  bool is_closed_ = false;
  std::atomic<bool> is_empty_{true};  // spares programs without managed memory the lock
};

}  // namespace rackproof::emulator::engine
