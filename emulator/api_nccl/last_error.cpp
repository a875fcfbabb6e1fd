#include "emulator/api_nccl/last_error.hpp"

#include <cstdio>
#include <mutex>
#include <set>

namespace rackproof::emulator::api_nccl {
namespace {

struct Messages {
  std::mutex mutex;
  std::string last;
  std::set<std::string> logged;
};
Messages& messages() {
  // Never destroyed: operations may still fail after main returns.
  static auto* instance = new Messages;
  return *instance;
}

}  // namespace

ncclResult_t report(ncclResult_t code, const std::string& message) {
  Messages& m = messages();
  const std::lock_guard lock(m.mutex);
  m.last = message;
  return code;
}

const char* last_error() {
  thread_local std::string copy;
  Messages& m = messages();
  const std::lock_guard lock(m.mutex);
  copy = m.last;
  return copy.c_str();
}

int refuse_unimplemented(const char* function) {
  const std::string text = std::string(function) + " is not implemented by the emulated NCCL";
  Messages& m = messages();
  {
    const std::lock_guard lock(m.mutex);
    if (m.logged.insert(function).second) {
      std::fprintf(stderr, "rackproof emulator: %s\n", text.c_str());
    }
  }
  return report(ncclInvalidUsage, text);
}

}  // namespace rackproof::emulator::api_nccl
