#include "harness/config/locations.hpp"

#include "harness/config/error.hpp"
#include "harness/config/spelling.hpp"

#include <algorithm>

namespace rackproof::harness::config {
namespace {

namespace fs = std::filesystem;

/// Beside the program (the build folder links to it), above it, or installed.
fs::path configs_folder() {
  const fs::path program = executable_path().parent_path();
  for (const fs::path& candidate : {program / "configs", program.parent_path() / "configs",
                                    program.parent_path() / "share" / "rackproof" / "configs"}) {
    if (fs::is_directory(candidate / "racks")) {
      return candidate;
    }
  }
  throw NotReady("no configs/ folder beside " + program.string() +
                 "; copy configs/ of the source tree there");
}

}  // namespace

fs::path executable_path() {
  return fs::read_symlink("/proc/self/exe");
}

std::vector<fs::path> list_configs(std::string_view kind) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(configs_folder() / kind)) {
    if (entry.path().extension() == ".json") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

fs::path work_baselines_folder() {
  const fs::path program = executable_path().parent_path();
  for (const fs::path& candidate :
       {program / "baselines", program.parent_path() / "results" / "baselines",
        program.parent_path() / "share" / "rackproof" / "baselines"}) {
    if (fs::is_directory(candidate / "work")) {
      return candidate / "work";
    }
  }
  throw NotReady("no baselines/work folder beside " + program.string() +
                 "; name one with --baselines");
}

fs::path find_config(std::string_view kind, const std::string& name_or_path) {
  if (name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".json")) {
    if (!fs::is_regular_file(name_or_path)) {
      throw ConfigError(
          name_or_path,
          "no such file; give a path of a JSON file or a name of configs/" + std::string(kind));
    }
    return name_or_path;
  }
  std::vector<std::string> names;
  for (const fs::path& file : list_configs(kind)) {
    names.push_back(file.stem().string());
    if (names.back() == name_or_path) {
      return file;
    }
  }
  throw ConfigError("configs/" + std::string(kind),
                    "no \"" + name_or_path + "\" there" + suggestion(name_or_path, names));
}

}  // namespace rackproof::harness::config
