#include "harness/record/atomic_file.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace rackproof::harness::record {
namespace {

std::string reason() {
  return std::generic_category().message(errno);
}

/// Removes the temporary file unless it was renamed.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::filesystem::path& target)
      : target_(target), name_(target.string() + ".XXXXXX" + std::string(kGrowingSuffix)) {
    descriptor_ = ::mkstemps(name_.data(), static_cast<int>(kGrowingSuffix.size()));
    if (descriptor_ < 0) {
      throw WriteError(target_, "no temporary file beside it: " + reason());
    }
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
    if (!renamed_) {
      ::unlink(name_.c_str());
    }
  }

  void write(std::string_view content) {
    while (!content.empty()) {
      const ssize_t written = ::write(descriptor_, content.data(), content.size());
      if (written < 0 && errno == EINTR) {
        continue;
      }
      if (written < 0) {
        throw WriteError(target_, reason());
      }
      content.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void publish() {
    // mkstemp creates 0600; a record is for everybody the umask allows.
    const mode_t mask = ::umask(0);
    ::umask(mask);
    if (::fchmod(descriptor_, 0666 & ~mask) != 0 || ::fsync(descriptor_) != 0) {
      throw WriteError(target_, reason());
    }
    if (::close(std::exchange(descriptor_, -1)) != 0) {
      throw WriteError(target_, reason());
    }
    if (::rename(name_.c_str(), target_.c_str()) != 0) {
      throw WriteError(target_, reason());
    }
    renamed_ = true;
  }

 private:
  std::filesystem::path target_;
  std::string name_;
  int descriptor_ = -1;
  bool renamed_ = false;
};

/// A rename would put a file in the place of what others use: /dev/null, a pipe, a folder.
void expect_regular_or_absent(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw WriteError(path, "is not a regular file; name another file");
  }
}

/// Makes the rename itself durable; a file system that cannot do it is not an error.
void flush_folder(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0) {
    ::fsync(descriptor);
    ::close(descriptor);
  }
}

}  // namespace

WriteError::WriteError(std::filesystem::path path, const std::string& problem)
    : std::runtime_error("cannot write " + path.string() + ": " + problem),
      path_(std::move(path)) {}

void write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  expect_regular_or_absent(path);
  TemporaryFile file(path);
  file.write(content);
  file.publish();
  flush_folder(path);
}

}  // namespace rackproof::harness::record
