#include "harness/cli/emulate.hpp"

#include "harness/config/error.hpp"
#include "harness/config/locations.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

namespace rackproof::harness::cli {
namespace {

constexpr const char* kRackVariable = "RACKPROOF_EMULATOR_RACK";
constexpr const char* kTrayVariable = "RACKPROOF_EMULATOR_TRAY";
constexpr const char* kLibraryPathVariable = "LD_LIBRARY_PATH";
constexpr const char* kRuntimeLibrary = "libcudart.so.13";

std::filesystem::path library_folder() {
  return config::executable_path().parent_path() / "emulator";
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  return value == nullptr ? "" : value;
}

void set_emulator_variables(const std::filesystem::path& rack_file, int tray) {
  const std::string rack = std::filesystem::absolute(rack_file).string();
  // NOLINTBEGIN(concurrency-mt-unsafe): before any thread
  setenv(kRackVariable, rack.c_str(), 1);
  setenv(kTrayVariable, std::to_string(tray).c_str(), 1);
  // NOLINTEND(concurrency-mt-unsafe)
}

/// Counts the GPUs of the emulated rack's first tray, as any program would; ends the process.
[[noreturn]] void count_emulated_gpus(const std::filesystem::path& rack_file) {
  set_emulator_variables(rack_file, 0);
  const std::string library = (library_folder() / kRuntimeLibrary).string();
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  using GetDeviceCount = int (*)(int*);
  GetDeviceCount get_device_count = nullptr;
  if (handle != nullptr) {
    get_device_count = reinterpret_cast<GetDeviceCount>(dlsym(handle, "cudaGetDeviceCount"));
  }
  if (get_device_count == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    _exit(EXIT_FAILURE);
  }
  int count = 0;
  _exit(get_device_count(&count) == 0 && count > 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

std::string read_to_end(int descriptor) {
  std::string text;
  std::array<char, 4096> part{};
  for (;;) {
    const ssize_t count = read(descriptor, part.data(), part.size());
    if (count > 0) {
      text.append(part.data(), static_cast<std::size_t>(count));
    } else if (count == 0 || errno != EINTR) {
      return text;
    }
  }
}

}  // namespace

bool has_emulator() {
  return std::filesystem::exists(library_folder() / kRuntimeLibrary);
}

void require_emulator() {
  if (!has_emulator()) {
    throw config::NotReady("the emulator is not here: no " +
                           (library_folder() / kRuntimeLibrary).string() +
                           "; build it (cmake -DRACKPROOF_BUILD_EMULATOR=ON), or run on a machine "
                           "with a GPU");
  }
}

void check_emulated_rack(const std::filesystem::path& rack_file) {
  constexpr std::string_view kPrefix = "rackproof emulator: ";
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) {
    throw config::NotReady(std::string("cannot create a pipe: ") + std::strerror(errno));
  }
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    count_emulated_gpus(rack_file);
  }
  const int fork_error = errno;
  close(ends[1]);
  const std::string errors = child < 0 ? std::string() : read_to_end(ends[0]);
  close(ends[0]);
  if (child < 0) {
    throw config::NotReady(std::string("cannot start a process: ") + std::strerror(fork_error));
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) {
    return;
  }
  std::string line = errors.substr(0, errors.find('\n'));
  if (line.starts_with(kPrefix)) {
    line.erase(0, kPrefix.size());
  }
  throw config::ConfigError(line.empty() ? rack_file.string() + ": the emulator has no GPU for it"
                                         : line);
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
  setenv(kLibraryPathVariable, path.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): no thread yet
  set_emulator_variables(rack_file, tray);
  const std::string program = config::executable_path().string();
  execv(program.c_str(), argv);
  throw config::NotReady("cannot restart " + program + ": " + std::strerror(errno));
}

}  // namespace rackproof::harness::cli
