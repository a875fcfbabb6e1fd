#pragma once
/// Where a run's files go: a hidden folder while it runs, the named one when it is complete, so
/// that a folder with the name of a result never holds half of one.

#include <filesystem>
#include <optional>
#include <string>

namespace rackproof::harness::cli {

/// "results/local/20261122T014500Z-smoke", or `out` where one is given. Throws config::ConfigError
/// when that exists already and is not an empty folder.
[[nodiscard]] std::filesystem::path choose_results_path(const std::optional<std::string>& out,
                                                        const std::string& suite);

/// "20261122T014500Z"
[[nodiscard]] std::string utc_stamp();

class ResultsDirectory {
 public:
  /// Names only; nothing is created.
  explicit ResultsDirectory(std::filesystem::path final_path);

  [[nodiscard]] const std::filesystem::path& final_path() const { return final_path_; }
  /// ".<name>.partial" beside the final path.
  [[nodiscard]] const std::filesystem::path& working_path() const { return working_path_; }
  [[nodiscard]] bool has_partial() const;

  /// Creates the working folder. Throws config::NotReady when that cannot be done.
  void create();
  /// Where a file that somebody else writes bit by bit grows, until finish_file(name).
  [[nodiscard]] std::filesystem::path growing_file(const std::string& name) const;
  /// The file, if there is one, is whole. Without this, publish() drops it.
  void finish_file(const std::string& name) const;
  /// Renames the working folder to the final one and points `latest` beside it there (only in
  /// results/local). Throws config::NotReady.
  void publish();

 private:
  std::filesystem::path final_path_;
  std::filesystem::path working_path_;
};

}  // namespace rackproof::harness::cli
