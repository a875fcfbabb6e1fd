#pragma once
/// The emulator's environment variables (docs/emulator.md lists them for users).

#include "emulator/exec/grid.hpp"

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace rackproof::emulator::device {

/// what() is one line: variable, value, what is allowed.
class SettingsError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Settings {
  std::filesystem::path rack_file;  ///< RACKPROOF_EMULATOR_RACK, resolved
  int tray = 0;                     ///< RACKPROOF_EMULATOR_TRAY
  std::uint64_t seed = 0;           ///< RACKPROOF_EMULATOR_SEED
  bool steals_clusters = true;      ///< RACKPROOF_EMULATOR_LAUNCH_CONTROL is not "never"
  async::Ordering ordering = async::Ordering::random;  ///< RACKPROOF_EMULATOR_ORDERING
  std::uint64_t kernel_seed = 0;  ///< of what is drawn in kernels: that of the ordering, or seed
  exec::Checks checks;            ///< EMULATOR_CHECKS
  std::uint32_t stall_s = 600;    ///< RACKPROOF_EMULATOR_STALL_S; 0: for ever
  std::uint32_t threads = 1;      ///< RACKPROOF_EMULATOR_THREADS; see default_threads()
  std::string trace_file;         ///< RACKPROOF_EMULATOR_TRACE, expanded; empty: no trace
  std::string counters_file;      ///< RACKPROOF_EMULATOR_COUNTERS, expanded; empty: none
  std::vector<std::string> visible_devices;  ///< CUDA_VISIBLE_DEVICES; see restrict_devices
  bool devices_restricted = false;           ///< CUDA_VISIBLE_DEVICES is set
};

/// The processors that this process may use, shared with the other ranks of this host: those that
/// the launcher counts (Open MPI, MPICH, Slurm). One if there are ranks and nobody counts them.
[[nodiscard]] std::uint32_t default_threads();

/// Reads the environment. Throws SettingsError.
[[nodiscard]] Settings read_settings();

/// "%p" becomes the process id, "%r" the MPI or Slurm rank (the process id where there is none).
[[nodiscard]] std::string expand_file_name(const std::string& pattern);

}  // namespace rackproof::emulator::device
