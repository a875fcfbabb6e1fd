#include "emulator/device/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <sched.h>
#include <sstream>
#include <string_view>
#include <system_error>
#include <unistd.h>

namespace rackproof::emulator::device {
namespace {

std::string environment(const char* name, const char* fallback = "") {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? fallback : value;
}

constexpr std::array kRankVariables = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK",
                                       "SLURM_PROCID"};
constexpr std::uint32_t kMaxThreads = 256;

template <typename T>
T number(const char* name, T fallback) {
  const std::string text = environment(name);
  if (text.empty()) {
    return fallback;
  }
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < T{}) {
    throw SettingsError(std::string(name) + "=" + text + " is not a whole number from 0");
  }
  return value;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) {
    parts.push_back(part);
  }
  return parts;
}

exec::Checks read_checks() {
  constexpr const char* kName = "EMULATOR_CHECKS";
  const std::string text = environment(kName, "on");
  if (text == "on" || text == "1") {
    return {};
  }
  exec::Checks checks{.bounds = false,
                      .shared_init = false,
                      .races = false,
                      .synchronisation = false,
                      .host = false};
  if (text == "off" || text == "0") {
    return checks;
  }
  for (const std::string& part : split(text)) {
    if (part == "bounds") {
      checks.bounds = true;
    } else if (part == "shared_init") {
      checks.shared_init = true;
    } else if (part == "races") {
      checks.races = true;
    } else if (part == "synchronisation") {
      checks.synchronisation = true;
    } else if (part == "host") {
      checks.races = true;  // finds what meets
      checks.host = true;
    } else {
      throw SettingsError(std::string(kName) + "=" + text + ": \"" + part +
                          "\" is not a check; write 1 (on), 0 (off) or a comma-separated list of "
                          "bounds, shared_init, races, synchronisation, host");
    }
  }
  return checks;
}

// eager, late, random or random:seed
void read_ordering(Settings& settings) {
  constexpr const char* kName = "RACKPROOF_EMULATOR_ORDERING";
  constexpr std::string_view kSeeded = "random:";
  const std::string text = environment(kName, "random");
  settings.kernel_seed = settings.seed;
  if (text == "eager") {
    settings.ordering = async::Ordering::eager;
  } else if (text == "late") {
    settings.ordering = async::Ordering::late;
  } else if (text.starts_with(kSeeded)) {
    const char* const end = text.data() + text.size();
    const auto [last, error] =
        std::from_chars(text.data() + kSeeded.size(), end, settings.kernel_seed);
    if (error != std::errc{} || last != end) {
      throw SettingsError(std::string(kName) + "=" + text + ": what follows random: is no number");
    }
  } else if (text != "random") {
    throw SettingsError(std::string(kName) + "=" + text +
                        " is not eager, late, random or random:SEED");
  }
}

// steal or never
bool read_launch_control() {
  constexpr const char* kName = "RACKPROOF_EMULATOR_LAUNCH_CONTROL";
  const std::string text = environment(kName, "steal");
  if (text != "steal" && text != "never") {
    throw SettingsError(std::string(kName) + "=" + text + " is not steal or never");
  }
  return text == "steal";
}

std::filesystem::path resolve_rack() {
  constexpr const char* kName = "RACKPROOF_EMULATOR_RACK";
  const std::string rack = environment(kName, "gb300-nvl72");
  if (rack.find('/') != std::string::npos || rack.ends_with(".json")) {
    return rack;
  }
  const std::filesystem::path folder =
      environment("RACKPROOF_EMULATOR_CONFIGS", RACKPROOF_RACKS_DIR);
  std::filesystem::path file = folder / (rack + ".json");
  std::error_code error;
  if (std::filesystem::exists(file, error)) {
    return file;
  }
  std::string known;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".json") {
      known += (known.empty() ? "" : ", ") + entry.path().stem().string();
    }
  }
  throw SettingsError(std::string(kName) + "=" + rack + ": no such rack in " + folder.string() +
                      (known.empty() ? " (RACKPROOF_EMULATOR_CONFIGS names another folder)"
                                     : "; there are: " + known));
}

}  // namespace

std::uint32_t default_threads() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const int processors =
      sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
  for (const char* name :
       {"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "SLURM_NTASKS_PER_NODE"}) {
    // Slurm may write "4(x2)": what follows the number does not matter here.
    if (const int ranks = std::atoi(environment(name).c_str()); ranks > 0) {
      return static_cast<std::uint32_t>(std::max(processors / ranks, 1));
    }
  }
  for (const char* name : kRankVariables) {
    if (!environment(name).empty()) {
      return 1;
    }
  }
  return static_cast<std::uint32_t>(std::max(processors, 1));
}

std::string expand_file_name(const std::string& pattern) {
  std::string rank;
  for (const char* name : kRankVariables) {
    if (rank.empty()) {
      rank = environment(name);
    }
  }
  const std::string process = std::to_string(getpid());
  std::string name;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char next = pattern[i] == '%' && i + 1 < pattern.size() ? pattern[i + 1] : '\0';
    if (next == 'p' || next == 'r') {
      name += next == 'r' && !rank.empty() ? rank : process;
      ++i;
    } else {
      name += pattern[i];
    }
  }
  return name;
}

Settings read_settings() {
  Settings settings;
  settings.rack_file = resolve_rack();
  settings.tray = number<int>("RACKPROOF_EMULATOR_TRAY", 0);
  settings.seed = number<std::uint64_t>("RACKPROOF_EMULATOR_SEED", 0);
  read_ordering(settings);
  settings.steals_clusters = read_launch_control();
  settings.checks = read_checks();
  settings.stall_s = number<std::uint32_t>("RACKPROOF_EMULATOR_STALL_S", settings.stall_s);
  settings.threads = number<std::uint32_t>("RACKPROOF_EMULATOR_THREADS", default_threads());
  if (settings.threads == 0 || settings.threads > kMaxThreads) {
    throw SettingsError("RACKPROOF_EMULATOR_THREADS=" + std::to_string(settings.threads) +
                        " is not from 1 to " + std::to_string(kMaxThreads));
  }
  settings.trace_file = expand_file_name(environment("RACKPROOF_EMULATOR_TRACE"));
  settings.counters_file = expand_file_name(environment("RACKPROOF_EMULATOR_COUNTERS"));
  if (const char* visible = std::getenv("CUDA_VISIBLE_DEVICES"); visible != nullptr) {
    settings.devices_restricted = true;
    settings.visible_devices = split(visible);
  }
  return settings;
}

}  // namespace rackproof::emulator::device
