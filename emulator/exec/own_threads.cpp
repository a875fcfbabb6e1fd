#include "emulator/exec/own_threads.hpp"

#include "emulator/exec/thread_sanitizer.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <pthread.h>
#include <string>
#include <system_error>

namespace rackproof::emulator::exec {
namespace {

constexpr const char* kName = "rackproof-emu";  // at most 15 characters

// Read in a signal handler; initial-exec would want all thread-local memory of this library static,
// which a process that loads it late (dlopen) does not have.
constinit thread_local bool is_own = false;

}  // namespace

bool is_own_thread() {
  return is_own;
}

void name_own_thread() {
  is_own = true;
  pthread_setname_np(pthread_self(), kName);
}

std::size_t count_other_threads() {
  std::size_t others = 0;
  constexpr std::size_t kSanitizers = kIsUnderThreadSanitizer ? 1 : 0;
  std::error_code error;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", error)) {
    std::string name;
    std::ifstream stream(thread.path() / "comm");
    std::getline(stream, name);
    others += static_cast<std::size_t>(name != kName);
  }
  return error ? std::numeric_limits<std::size_t>::max() : others - std::min(others, kSanitizers);
}

}  // namespace rackproof::emulator::exec
