#include "emulator/engine/ipc_event.hpp"

#include "emulator/engine/memory_map.hpp"

#include <atomic>
#include <sys/mman.h>
#include <unistd.h>

namespace rackproof::emulator::engine {

struct SharedEvent::Counters {
  std::atomic<std::uint64_t> recorded;
  std::atomic<std::uint64_t> reached;
};

namespace {

constexpr std::uint64_t kMagic = 0x726b6576656e7431ULL;  // "rkevent1"

class WaitOperation final : public Operation {
 public:
  WaitOperation(std::shared_ptr<SharedEvent> event, std::uint64_t record)
      : event_(std::move(event)), record_(record) {}
  StepResult step(TimePs start) override {
    return event_->is_reached(record_) ? StepResult::done(start) : StepResult::waiting();
  }

 private:
  std::shared_ptr<SharedEvent> event_;
  std::uint64_t record_;
};

}  // namespace

std::shared_ptr<SharedEvent> SharedEvent::map(int file) {
  void* memory = file < 0
                     ? MAP_FAILED
                     : mmap(nullptr, sizeof(Counters), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) {
    if (file >= 0) {
      close(file);
    }
    return nullptr;
  }
  return std::shared_ptr<SharedEvent>(new SharedEvent(file, static_cast<Counters*>(memory)));
}

std::shared_ptr<SharedEvent> SharedEvent::create() {
  const int file = memfd_create("rackproof-event", MFD_CLOEXEC);
  if (file >= 0 && ftruncate(file, sizeof(Counters)) != 0) {
    close(file);
    return nullptr;
  }
  return map(file);
}

std::shared_ptr<SharedEvent> SharedEvent::open(const SharedEventName& name) {
  if (name.magic != kMagic || process_start_ticks(name.process) != name.process_start) {
    return nullptr;
  }
  return map(open_file_of(name.process, name.file));
}

SharedEvent::~SharedEvent() {
  munmap(counters_, sizeof(Counters));
  close(file_);
}

SharedEventName SharedEvent::name() const {
  return {kMagic, getpid(), file_, process_start_ticks(getpid())};
}

std::uint64_t SharedEvent::begin_record() {
  return counters_->recorded.fetch_add(1) + 1;
}

void SharedEvent::reach(std::uint64_t record) {
  std::uint64_t before = counters_->reached.load();
  while (before < record && !counters_->reached.compare_exchange_weak(before, record)) {
  }
}

std::uint64_t SharedEvent::latest() const {
  return counters_->recorded.load();
}

bool SharedEvent::is_reached(std::uint64_t record) const {
  return counters_->reached.load() >= record;
}

std::unique_ptr<Operation> make_wait(std::shared_ptr<SharedEvent> event, std::uint64_t record) {
  return std::make_unique<WaitOperation>(std::move(event), record);
}

}  // namespace rackproof::emulator::engine
