#include "harness/cli/results_directory.hpp"

#include "harness/config/error.hpp"
#include "harness/record/atomic_file.hpp"

#include <array>
#include <ctime>
#include <system_error>
#include <unistd.h>

namespace rackproof::harness::cli {
namespace {

namespace fs = std::filesystem;

const fs::path& default_base() {
  static const fs::path base = fs::path("results") / "local";
  return base;
}

/// Replaces the link in one step: readers see the old or the new target, never none.
void point_link(const fs::path& link, const fs::path& target) {
  const fs::path temporary = link.string() + "." + std::to_string(getpid());
  std::error_code ignored;
  fs::remove(temporary, ignored);
  fs::create_directory_symlink(target, temporary);
  fs::rename(temporary, link);
}

}  // namespace

std::string utc_stamp() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &utc);
  return text.data();
}

fs::path choose_results_path(const std::optional<std::string>& out, const std::string& suite) {
  if (out) {
    fs::path path = *out;
    if (!path.has_filename()) {
      path = path.parent_path();  // "folder/"
    }
    std::error_code error;
    if (fs::exists(path, error) && !(fs::is_directory(path, error) && fs::is_empty(path, error))) {
      throw config::ConfigError("--out", path.string() + " exists already; give a new folder");
    }
    return fs::absolute(path);
  }
  const std::string name = utc_stamp() + "-" + suite;
  fs::path path = default_base() / name;
  for (int copy = 2; fs::exists(path) || ResultsDirectory(path).has_partial(); ++copy) {
    path = default_base() / (name + "-" + std::to_string(copy));
  }
  return fs::absolute(path);
}

ResultsDirectory::ResultsDirectory(fs::path final_path) : final_path_(std::move(final_path)) {
  std::string name(1, '.');
  name += final_path_.filename().string();
  name += ".partial";
  working_path_ = final_path_.parent_path() / name;
}

bool ResultsDirectory::has_partial() const {
  return fs::is_directory(working_path_);
}

void ResultsDirectory::create() {
  std::error_code error;
  fs::remove_all(working_path_, error);
  fs::create_directories(working_path_, error);
  if (error) {
    throw config::NotReady("cannot create " + working_path_.string() + ": " + error.message() +
                           "; choose another folder with --out");
  }
}

fs::path ResultsDirectory::growing_file(const std::string& name) const {
  return working_path_ / (name + std::string(record::kGrowingSuffix));
}

void ResultsDirectory::finish_file(const std::string& name) const {
  if (fs::exists(growing_file(name))) {
    fs::rename(growing_file(name), working_path_ / name);
  }
}

void ResultsDirectory::publish() {
  try {
    for (const fs::directory_entry& entry : fs::directory_iterator(working_path_)) {
      if (entry.path().extension() == record::kGrowingSuffix) {
        fs::remove(entry.path());
      }
    }
    if (fs::is_directory(final_path_)) {
      fs::remove(final_path_);  // empty, by choose_results_path()
    }
    fs::rename(working_path_, final_path_);
    if (final_path_.parent_path() == fs::absolute(default_base())) {
      point_link(final_path_.parent_path() / "latest", final_path_.filename());
    }
  } catch (const fs::filesystem_error& error) {
    throw config::NotReady("cannot move the results to " + final_path_.string() + ": " +
                           error.code().message() + "; they are in " + working_path_.string());
  }
}

}  // namespace rackproof::harness::cli
