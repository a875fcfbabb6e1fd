#include "harness/cli/launch.hpp"

#include "harness/config/error.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rackproof::harness::cli {
namespace {

constexpr const char* kStatusVariable = "RACKPROOF_LAUNCH_STATUS";
constexpr const char* kResultsVariable = "RACKPROOF_LAUNCH_RESULTS";
constexpr const char* kTerminalVariable = "RACKPROOF_LAUNCH_TERMINAL";
constexpr const char* kStarted = "started";

std::string read_variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  return value == nullptr ? "" : value;
}

std::optional<int> to_number(const std::string& text) {
  int value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_number = parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
  return is_number && !text.empty() ? std::optional(value) : std::nullopt;
}

volatile std::sig_atomic_t child_pid = 0;

extern "C" void pass_on(int signal) {
  if (child_pid != 0) {
    kill(static_cast<pid_t>(child_pid), signal);
  }
}

/// Passes the signals that end a program on to the child for as long as it lives.
class SignalForwarding {
 public:
  explicit SignalForwarding(pid_t child) {
    child_pid = static_cast<std::sig_atomic_t>(child);
    struct sigaction action {};
    action.sa_handler = pass_on;
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      sigaction(kSignals[i], &action, &before_[i]);
    }
  }
  ~SignalForwarding() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      sigaction(kSignals[i], &before_[i], nullptr);
    }
    child_pid = 0;
  }
  SignalForwarding(const SignalForwarding&) = delete;
  SignalForwarding& operator=(const SignalForwarding&) = delete;

 private:
  static constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, kSignals.size()> before_{};
};

/// A file of its own in the system's temporary folder, removed at the end.
class StatusFile {
 public:
  StatusFile() : path_((std::filesystem::temp_directory_path() / "rackproof-XXXXXX").string()) {
    const int descriptor = mkstemp(path_.data());
    if (descriptor < 0) {
      throw config::NotReady("cannot create a file in " +
                             std::filesystem::temp_directory_path().string() + ": " +
                             std::strerror(errno) + "; set TMPDIR to a writable folder");
    }
    close(descriptor);
  }
  ~StatusFile() { unlink(path_.c_str()); }
  StatusFile(const StatusFile&) = delete;
  StatusFile& operator=(const StatusFile&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string read() const {
    std::ifstream stream(path_);
    std::string word;
    stream >> word;
    return word;
  }

 private:
  std::string path_;
};

/// A folder of its own for the ranks' shared memory, which killed ranks leave behind; removed at
/// the end. In memory where there is /dev/shm.
class SharedMemoryFolder {
 public:
  SharedMemoryFolder() {
    const std::filesystem::path base = access("/dev/shm", W_OK) == 0
                                           ? std::filesystem::path("/dev/shm")
                                           : std::filesystem::temp_directory_path();
    path_ = (base / "rackproof-XXXXXX").string();
    if (mkdtemp(path_.data()) == nullptr) {
      throw config::NotReady("cannot create a folder in " + base.string() + ": " +
                             std::strerror(errno) + "; make it writable");
    }
  }
  ~SharedMemoryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  SharedMemoryFolder(const SharedMemoryFolder&) = delete;
  SharedMemoryFolder& operator=(const SharedMemoryFolder&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// mpirun in a process group of its own: a terminal's Ctrl-C reaches it once, through pass_on(); it
/// takes a second one for the order to leave its ranks behind. Such a group may not read from the
/// terminal.
[[noreturn]] void become(const std::vector<std::string>& command) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);  // nobody would end the ranks of a program that was killed
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing >= 0) {
    dup2(nothing, STDIN_FILENO);
  }
  std::vector<char*> argv;
  for (const std::string& word : command) {
    argv.push_back(const_cast<char*>(word.c_str()));  // execvp does not write to them
  }
  argv.push_back(nullptr);
  execvp(argv.front(), argv.data());
  constexpr int kNotFound = 127;
  _exit(kNotFound);
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) {
      throw config::NotReady(std::string("lost sight of mpirun: ") + std::strerror(errno));
    }
  }
  constexpr int kSignalBase = 128;
  return WIFEXITED(status) ? WEXITSTATUS(status) : kSignalBase + WTERMSIG(status);
}

bool is_in_path(const std::string& program) {
  const std::string path = read_variable("PATH");
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    if (access((path.substr(begin, end - begin) + "/" + program).c_str(), X_OK) == 0) {
      return true;
    }
    begin = end + 1;
  }
  return false;
}

void write_status(const Contract& contract, const std::string& text) {
  std::ofstream stream(contract.status_file, std::ios::trunc);
  stream << text << '\n';
}

}  // namespace

std::optional<LauncherRank> launcher_rank(std::string (*lookup)(const char*)) {
  struct Variables {
    const char* rank;
    const char* size;
    const char* local_rank;
    const char* launcher;
  };
  // Slurm sets SLURM_PROCID in a batch script's own shell too; only a step started with an MPI
  // plug-in (PMI or PMIx) is a rank, so those come first.
  constexpr std::array kLaunchers{
      Variables{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
                "Open MPI"},
      Variables{"PMIX_RANK", "SLURM_NTASKS", "SLURM_LOCALID", "PMIx"},
      Variables{"PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "PMI"},
  };
  for (const Variables& launcher : kLaunchers) {
    const std::optional<int> rank = to_number(lookup(launcher.rank));
    if (rank) {
      return LauncherRank{*rank, to_number(lookup(launcher.size)).value_or(1),
                          to_number(lookup(launcher.local_rank)).value_or(0), launcher.launcher};
    }
  }
  return std::nullopt;
}

std::optional<LauncherRank> launcher_rank() {
  return launcher_rank(read_variable);
}

std::optional<Contract> take_contract() {
  const std::string status = read_variable(kStatusVariable);
  if (status.empty()) {
    return std::nullopt;
  }
  Contract contract{status, read_variable(kResultsVariable),
                    read_variable(kTerminalVariable) == "1"};
  for (const char* name : {kStatusVariable, kResultsVariable, kTerminalVariable}) {
    unsetenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  }
  return contract;
}

std::vector<std::string> mpirun_command(const std::string& program,
                                        const std::vector<std::string>& arguments, int ranks,
                                        bool share_cores, bool is_root) {
  std::vector<std::string> command{"mpirun", "--quiet"};
  if (is_root) {
    command.emplace_back("--allow-run-as-root");
  }
  // Open MPI counts cores, and takes a machine of fewer than ranks for a mistake.
  command.emplace_back("--oversubscribe");
  if (share_cores) {
    command.insert(command.end(), {"--bind-to", "none"});
  }
  // One machine: shared memory only, without the cross-memory attach that containers forbid, and
  // ranks that wait give their core away.
  for (const auto& [parameter, value] : {std::pair{"pml", "ob1"}, std::pair{"btl", "self,vader"},
                                         std::pair{"btl_vader_single_copy_mechanism", "none"},
                                         std::pair{"mpi_yield_when_idle", "1"}}) {
    command.insert(command.end(), {"--mca", parameter, value});
  }
  command.insert(command.end(), {"-np", std::to_string(ranks), program});
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

LaunchResult launch(const std::vector<std::string>& command,
                    const std::filesystem::path& results_path) {
  if (!is_in_path(command.front())) {
    throw config::NotReady(command.front() +
                           " is not in PATH, it starts one rank per GPU; install it (apt-get "
                           "install openmpi-bin), or start the ranks with srun");
  }
  const StatusFile status;
  const SharedMemoryFolder shared_memory;
  // NOLINTBEGIN(concurrency-mt-unsafe): before any thread
  setenv(kStatusVariable, status.path().c_str(), 1);
  setenv("OMPI_MCA_btl_vader_backing_directory", shared_memory.path().c_str(), 1);
  setenv(kResultsVariable, results_path.c_str(), 1);
  setenv(kTerminalVariable, isatty(STDOUT_FILENO) == 1 ? "1" : "0", 1);
  // NOLINTEND(concurrency-mt-unsafe)
  const pid_t child = fork();
  if (child < 0) {
    throw config::NotReady(std::string("cannot start a process: ") + std::strerror(errno));
  }
  if (child == 0) {
    become(command);
  }
  LaunchResult result;
  {
    const SignalForwarding forwarding(child);
    result.mpirun_status = wait_for(child);
  }
  const std::string word = status.read();
  result.has_started = !word.empty();
  result.exit_code = word == kStarted ? std::nullopt : to_number(word);
  return result;
}

void report_started(const Contract& contract) {
  write_status(contract, kStarted);
}

void report_exit_code(const Contract& contract, int exit_code) {
  write_status(contract, std::to_string(exit_code));
}

}  // namespace rackproof::harness::cli
