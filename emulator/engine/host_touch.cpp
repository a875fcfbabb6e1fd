#include "emulator/engine/host_touch.hpp"

#include "emulator/engine/core.hpp"
#include "emulator/engine/memory_map.hpp"
#include "emulator/exec/access_faults.hpp"
#include "emulator/exec/own_threads.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <dlfcn.h>
#include <execinfo.h>
#include <mutex>
#include <string_view>
#include <ucontext.h>

namespace rackproof::emulator::engine {
namespace {

struct sigaction previous_action;

// Read in a signal handler; initial-exec would want all thread-local memory of this library static,
// which a process that loads it late (dlopen) does not have.
constinit thread_local bool is_working = false;

#if defined(__aarch64__)
// The record of the kernel's signal frame that holds the exception syndrome (asm/sigcontext.h).
bool writes(const ucontext_t& context) {
  constexpr std::uint32_t kSyndromeMagic = 0x45535201;
  constexpr std::uint64_t kWriteNotRead = 1U << 6;
  const auto* record = reinterpret_cast<const std::uint8_t*>(&context.uc_mcontext) +
                       sizeof(context.uc_mcontext) - sizeof(context.uc_mcontext.__reserved);
  for (;;) {
    std::array<std::uint32_t, 2> head;  // magic, size
    std::memcpy(head.data(), record, sizeof(head));
    if (head[0] == kSyndromeMagic) {
      std::uint64_t syndrome = 0;
      std::memcpy(&syndrome, record + sizeof(head), sizeof(syndrome));
      return (syndrome & kWriteNotRead) != 0;
    }
    if (head[0] == 0 || head[1] == 0) {
      return true;
    }
    record += head[1];
  }
}
#else
bool writes(const ucontext_t& context) {
  constexpr greg_t kWrite = 2;  // page-fault error code, bit 1
  return (context.uc_mcontext.gregs[REG_ERR] & kWrite) != 0;
}
#endif

bool is_of_a_library(std::string_view file) {
  for (const char* name : {"/libc.so", "/libc-", "/libstdc++", "/libgcc", "/libm.so", "/libasan",
                           "/libtsan", "/librackproof_emulator"}) {
    if (file.find(name) != std::string_view::npos) {
      return true;
    }
  }
  return false;
}

// "main+0x1c (./a.out+0x401c)": the innermost caller in the program's own code.
std::string describe_caller() {
  std::array<void*, 32> frames;
  const int count = backtrace(frames.data(), static_cast<int>(frames.size()));
  for (int i = 2; i < count; ++i) {  // 0 and 1: this function and the handler
    Dl_info where{};
    void* const frame = frames[static_cast<std::size_t>(i)];
    if (dladdr(frame, &where) == 0 || where.dli_fname == nullptr ||
        is_of_a_library(where.dli_fname)) {
      continue;
    }
    const auto address = reinterpret_cast<std::uintptr_t>(frame);
    const auto offset = [address](const void* base) {
      return "+" + exec::hex(address - reinterpret_cast<std::uintptr_t>(base));
    };
    const std::string place = where.dli_fname + offset(where.dli_fbase);
    return where.dli_sname == nullptr
               ? place
               : where.dli_sname + offset(where.dli_saddr) + " (" + place + ")";
  }
  return "the program";
}

void judge(std::uintptr_t address, bool is_write) {
  Core& core = Core::instance();
  const auto allocation = MemoryMap::find(reinterpret_cast<const void*>(address));
  const bool is_managed = allocation && allocation->kind == memory::Kind::managed;
  check::RangeAccess access;
  access.base = address;
  access.row_bytes = 1;
  access.writes = is_write;
  access.by_host = true;
  access.order = core.executor().order_of_host();
  access.what = std::string("host's ") + (is_write ? "write" : "read") +
                (is_managed ? " of managed" : " of pinned") + " memory at " + exec::hex(address);
  if (allocation) {
    access.what += " (byte " + std::to_string(address - allocation->base) + " of allocation " +
                   std::to_string(allocation->id) + ")";
  }
  access.what += " in " + describe_caller();
  check::Detector& detector = core.detector();
  std::unique_lock lock(detector.mutex());
  const std::string message = detector.range_access(std::move(access));
  lock.unlock();
  if (!message.empty()) {
    core.executor().fail_device(current_device(), message);
  }
}

void on_fault(int signal, siginfo_t* info, void* context) {
  const int error = errno;
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  const bool is_write = writes(*static_cast<const ucontext_t*>(context));
  const bool is_emulator = is_working || exec::is_own_thread();
  switch (Core::instance().executor().host_pages().meet(address, is_write, is_emulator)) {
    case HostPages::Meeting::watched: {
      const EmulatorWork work;
      judge(address, is_write);
      break;
    }
    case HostPages::Meeting::passed:
      break;
    case HostPages::Meeting::elsewhere:
      if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
        previous_action.sa_sigaction(signal, info, context);
      } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
        previous_action.sa_handler(signal);
      } else {
        sigaction(signal, &previous_action, nullptr);  // the same fault again ends the program
      }
      break;
  }
  errno = error;
}

}  // namespace

void watch_page_faults() {
  static std::once_flag once;
  std::call_once(once, [] {
    std::array<void*, 1> frame;
    static_cast<void>(backtrace(frame.data(), 1));  // loads what it needs outside the handler
    struct sigaction action {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &previous_action);
  });
}

EmulatorWork::EmulatorWork() : was_working_(is_working) {
  is_working = true;
}
EmulatorWork::~EmulatorWork() {
  is_working = was_working_;
}

}  // namespace rackproof::emulator::engine
