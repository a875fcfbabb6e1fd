#pragma once
/// Where the program and its configuration files lie.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace rackproof::harness::config {

/// The running program's file, links resolved.
[[nodiscard]] std::filesystem::path executable_path();

/// `name_or_path` as given if it holds a '/' or ends in ".json", else configs/<kind>/<name>.json.
/// `kind` is "racks" or "suites". Throws ConfigError with the names there are.
[[nodiscard]] std::filesystem::path find_config(std::string_view kind,
                                                const std::string& name_or_path);

/// results/baselines/work of the source tree, or baselines/work beside the program. Throws NotReady
/// where there is none.
[[nodiscard]] std::filesystem::path work_baselines_folder();

/// All configs/<kind>/*.json in the order of their names. Throws NotReady without configs/.
[[nodiscard]] std::vector<std::filesystem::path> list_configs(std::string_view kind);

}  // namespace rackproof::harness::config
