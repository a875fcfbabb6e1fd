#pragma once
/// Judges what the program's own code does to managed and pinned memory while devices may be at
/// work: a page fault stops it there (HostPages), and the race detector is asked.

#include <cstdint>
#include <string>

namespace rackproof::emulator::engine {

/// From now on page faults in HostPages are handled; others go where they went before. Once a
/// process.
void watch_page_faults();

/// While one lives, the calling thread works for the emulator.
class EmulatorWork {
 public:
  EmulatorWork();
  ~EmulatorWork();
  EmulatorWork(const EmulatorWork&) = delete;
  EmulatorWork& operator=(const EmulatorWork&) = delete;

 private:
  bool was_working_;
};

}  // namespace rackproof::emulator::engine
