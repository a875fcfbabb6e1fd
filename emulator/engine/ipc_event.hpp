#pragma once
/// Events that several processes share: how often they were recorded, and how many of the records
/// were reached, in memory that all of them map. Virtual time is each process's own.

#include "emulator/engine/operation.hpp"

#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>

namespace rackproof::emulator::engine {

/// Content of a cudaIpcEventHandle_t.
struct SharedEventName {
  std::uint64_t magic = 0;
  std::int32_t process = 0;
  std::int32_t file = -1;
  std::uint64_t process_start = 0;  ///< tells a reused process id from the old one
};
static_assert(sizeof(SharedEventName) <= CUDA_IPC_HANDLE_SIZE);

class SharedEvent {
 public:
  /// nullptr: the host has no memory for it.
  static std::shared_ptr<SharedEvent> create();
  /// nullptr: no such event, or its process is gone.
  static std::shared_ptr<SharedEvent> open(const SharedEventName& name);
  ~SharedEvent();
  SharedEvent(const SharedEvent&) = delete;
  SharedEvent& operator=(const SharedEvent&) = delete;

  [[nodiscard]] SharedEventName name() const;
  /// The number of a new record.
  std::uint64_t begin_record();
  void reach(std::uint64_t record);
  [[nodiscard]] std::uint64_t latest() const;
  [[nodiscard]] bool is_reached(std::uint64_t record) const;

 private:
  struct Counters;
  SharedEvent(int file, Counters* counters) : file_(file), counters_(counters) {}
  static std::shared_ptr<SharedEvent> map(int file);

  int file_;
  Counters* counters_;
};

/// Waits until a record is reached, by whichever process.
[[nodiscard]] std::unique_ptr<Operation> make_wait(std::shared_ptr<SharedEvent> event,
                                                   std::uint64_t record);

}  // namespace rackproof::emulator::engine
