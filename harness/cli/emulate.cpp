#include "harness/cli/emulate.hpp"

#include "harness/config/error.hpp"
#include "harness/config/locations.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace rackproof::harness::cli {
namespace {

constexpr const char* kRackVariable = "RACKPROOF_EMULATOR_RACK";
constexpr const char* kTrayVariable = "RACKPROOF_EMULATOR_TRAY";
constexpr const char* kLibraryPathVariable = "LD_LIBRARY_PATH";

std::filesystem::path library_folder() {
  return config::executable_path().parent_path() / "emulator";
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  return value == nullptr ? "" : value;
}

}  // namespace

void require_emulator() {
  const std::filesystem::path runtime = library_folder() / "libcudart.so.13";
  if (!std::filesystem::exists(runtime)) {
    throw config::NotReady("the emulator is not here: no " + runtime.string() +
                           "; build it (cmake -DRACKPROOF_BUILD_EMULATOR=ON), or run on a machine "
                           "with a GPU");
  }
}

bool is_emulated_process() {
  return !variable(kTrayVariable).empty() &&
         variable(kLibraryPathVariable).starts_with(library_folder().string());
}

void become_emulated(const std::filesystem::path& rack_file, int tray, char** argv) {
  if (is_emulated_process()) {
    return;
  }
  require_emulator();
  const std::string others = variable(kLibraryPathVariable);
  const std::string path = library_folder().string() + (others.empty() ? "" : ":" + others);
  const std::string rack = std::filesystem::absolute(rack_file).string();
  // NOLINTBEGIN(concurrency-mt-unsafe): before any thread
  setenv(kLibraryPathVariable, path.c_str(), 1);
  setenv(kRackVariable, rack.c_str(), 1);
  setenv(kTrayVariable, std::to_string(tray).c_str(), 1);
  // NOLINTEND(concurrency-mt-unsafe)
  const std::string program = config::executable_path().string();
  execv(program.c_str(), argv);
  throw config::NotReady("cannot restart " + program + ": " + std::strerror(errno));
}

}  // namespace rackproof::harness::cli
