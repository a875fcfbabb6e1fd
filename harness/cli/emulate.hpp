#pragma once
/// The one place that knows of the emulator: it restarts this program with the emulator's libraries
/// in front of NVIDIA's.

#include <filesystem>
#include <string>

namespace rackproof::harness::cli {

/// The rack that is emulated where there is no GPU and nobody asked for another.
inline constexpr const char* kDefaultEmulatedRack = "gb300-nvl72";

/// Whether the emulator's libraries were built.
[[nodiscard]] bool has_emulator();

/// Throws config::NotReady with the fix when the emulator's libraries were not built.
void require_emulator();

/// Lets the emulator read the rack file, in a process of its own. Throws config::ConfigError with
/// the emulator's own line for a file that it refuses.
void check_emulated_rack(const std::filesystem::path& rack_file);

/// Makes this process one of the emulated `tray`: sets the library path and the emulator's
/// variables, and replaces the process by a new one with the same arguments. Returns when the
/// process already is one. Throws config::NotReady.
void become_emulated(const std::filesystem::path& rack_file, int tray, char** argv);

/// Whether this process runs on the emulator's libraries.
[[nodiscard]] bool is_emulated_process();

}  // namespace rackproof::harness::cli
