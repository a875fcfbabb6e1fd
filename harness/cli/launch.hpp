#pragma once
/// Ranks: who this process is, and how one process starts its own ranks through mpirun.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace rackproof::harness::cli {

/// Rank and size as the launcher says them in the environment, before MPI is initialised.
struct LauncherRank {
  int rank = 0;
  int size = 1;
  int local_rank = 0;    ///< among the ranks of this host
  std::string launcher;  ///< "Open MPI", "PMIx", "Slurm"
};

/// What the environment of a launcher says; `lookup` reads a variable ("" when unset).
/// Empty for a process without a launcher.
[[nodiscard]] std::optional<LauncherRank> launcher_rank(std::string (*lookup)(const char*));
[[nodiscard]] std::optional<LauncherRank> launcher_rank();

/// What the starting process tells its ranks, by environment variables.
struct Contract {
  std::filesystem::path status_file;   ///< rank 0 writes "started", then the exit code
  std::filesystem::path results_path;  ///< final path of the results
  bool is_terminal = false;            ///< whether somebody watches the output
};
/// The contract under which this rank was started; nothing under a foreign launcher. Its variables
/// are of no meaning to anybody else and leave the environment.
[[nodiscard]] std::optional<Contract> take_contract();

/// mpirun's arguments for `ranks` ranks of `program` on this machine. `share_cores`: more ranks
/// than cores are expected (an emulated rack).
[[nodiscard]] std::vector<std::string> mpirun_command(const std::string& program,
                                                      const std::vector<std::string>& arguments,
                                                      int ranks, bool share_cores, bool is_root);

/// How the ranks ended.
struct LaunchResult {
  bool has_started = false;      ///< rank 0 came up
  std::optional<int> exit_code;  ///< that the ranks agreed on
  int mpirun_status = 0;         ///< exit code, or 128 + signal
};

/// Runs the ranks and waits for them; signals that ask this process to end are passed on.
/// Throws config::NotReady without mpirun.
[[nodiscard]] LaunchResult launch(const std::vector<std::string>& command,
                                  const std::filesystem::path& results_path);

/// For rank 0: tells the starting process.
void report_started(const Contract& contract);
void report_exit_code(const Contract& contract, int exit_code);

}  // namespace rackproof::harness::cli
