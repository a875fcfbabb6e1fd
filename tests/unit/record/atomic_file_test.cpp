#include "harness/record/atomic_file.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace rackproof::harness::record {
namespace {

class AtomicFile : public ::testing::Test {
 protected:
  AtomicFile()
      : folder_(std::filesystem::temp_directory_path() /
                ("rackproof-atomic-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~AtomicFile() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::filesystem::path file() const { return folder_ / "record.json"; }
  [[nodiscard]] std::string content() const {
    std::ostringstream text;
    text << std::ifstream(file()).rdbuf();
    return text.str();
  }
  [[nodiscard]] std::ptrdiff_t files() const {
    return std::distance(std::filesystem::directory_iterator(folder_), {});
  }

  std::filesystem::path folder_;
};

/// Lets no file of this process grow beyond `bytes`: write() fails as on a full disk.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

TEST_F(AtomicFile, ReplacesWhatWasThere) {
  write_file_atomically(file(), "old");
  write_file_atomically(file(), "new");
  EXPECT_EQ(content(), "new");
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFile, IsReadableAsTheUmaskSays) {
  const mode_t before = ::umask(022);
  write_file_atomically(file(), "x");
  ::umask(before);
  EXPECT_EQ(std::filesystem::status(file()).permissions(), std::filesystem::perms{0644});
}

TEST_F(AtomicFile, AFullDiskKeepsTheOldFileAndNamesThePath) {
  write_file_atomically(file(), "old");
  std::string problem;
  {
    const SmallDisk disk(100);
    try {
      write_file_atomically(file(), std::string(1000, 'x'));
    } catch (const WriteError& error) {
      problem = error.what();
    }
  }
  EXPECT_EQ(problem, "cannot write " + file().string() + ": File too large");
  EXPECT_EQ(content(), "old");
  EXPECT_EQ(files(), 1) << "the temporary file is left over";
}

TEST_F(AtomicFile, AMissingFolderIsAnError) {
  const std::filesystem::path nowhere = folder_ / "none" / "record.json";
  try {
    write_file_atomically(nowhere, "x");
    FAIL() << "no error";
  } catch (const WriteError& error) {
    EXPECT_EQ(error.path(), nowhere);
    EXPECT_NE(std::string(error.what()).find("No such file or directory"), std::string::npos);
  }
}

TEST_F(AtomicFile, ADeviceOrAPipeIsAnErrorAndStays) {
  const std::string expected =
      "cannot write " + file().string() + ": is not a regular file; name another file";
  const auto problem = [this] {
    try {
      write_file_atomically(file(), "x");
    } catch (const WriteError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  std::filesystem::create_symlink("/dev/null", file());
  EXPECT_EQ(problem(), expected);
  EXPECT_TRUE(std::filesystem::is_symlink(file()));
  std::filesystem::remove(file());
  ASSERT_EQ(::mkfifo(file().c_str(), 0600), 0);
  EXPECT_EQ(problem(), expected);
  EXPECT_TRUE(std::filesystem::is_fifo(file()));
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFile, AFolderInThePlaceOfTheFileIsAnErrorAndStays) {
  std::filesystem::create_directory(file());
  EXPECT_THROW(write_file_atomically(file(), "x"), WriteError);
  EXPECT_TRUE(std::filesystem::is_directory(file()));
  EXPECT_EQ(files(), 1);
}

}  // namespace
}  // namespace rackproof::harness::record
