// The only file that includes mpi.h.
#include "collectives/bootstrap.hpp"
#include "collectives/poll.hpp"

#include <mpi.h>

#include <climits>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <numeric>

namespace rackproof::collectives {
namespace {

constexpr int kRollCallTag = 1;

void check(int code, const char* what) {
  if (code == MPI_SUCCESS) {
    return;
  }
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  throw BootstrapError(std::string(what) +
                       " failed: " + std::string(text.data(), static_cast<std::size_t>(length)));
}

int mpi_count(std::size_t count, const char* what) {
  if (count > static_cast<std::size_t>(INT_MAX)) {
    throw BootstrapError(std::string(what) + ": " + std::to_string(count) +
                         " bytes are more than one MPI message holds (" + std::to_string(INT_MAX) +
                         ")");
  }
  return static_cast<int>(count);
}

/// Buffers of one operation; MPI may touch them until its request completes.
struct Buffers {
  std::vector<std::byte> send;
  std::vector<std::byte> receive;
  std::vector<std::uint64_t> send_sizes;
  std::vector<std::uint64_t> receive_sizes;
  std::vector<int> counts;
  std::vector<int> offsets;
  std::vector<double> send_values;
  std::vector<double> receive_values;
};

class MpiBootstrap final : public Bootstrap {
 public:
  MpiBootstrap(int& argc, char**& argv) {
    int provided = 0;
    check(MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
    check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
    check(MPI_Comm_size(MPI_COMM_WORLD, &size_), "MPI_Comm_size");
  }
  ~MpiBootstrap() override {
    // After a deadline some rank may be dead, and MPI_Finalize waits for all of them.
    if (abandoned_.empty() && !has_called_roll_) {
      MPI_Finalize();
    }
  }
  MpiBootstrap(const MpiBootstrap&) = delete;
  MpiBootstrap& operator=(const MpiBootstrap&) = delete;

  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return size_; }

  [[nodiscard]] std::vector<std::vector<std::byte>> all_gather(std::span<const std::byte> own,
                                                               const Deadline& deadline) override {
    auto buffers = std::make_unique<Buffers>();
    Buffers& b = *buffers;
    const auto ranks = static_cast<std::size_t>(size_);
    b.send.assign(own.begin(), own.end());
    b.send_sizes = {own.size()};
    b.receive_sizes.resize(ranks);
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Iallgather(b.send_sizes.data(), 1, MPI_UINT64_T, b.receive_sizes.data(), 1,
                         MPI_UINT64_T, MPI_COMM_WORLD, &request),
          "MPI_Iallgather");
    wait(request, buffers, deadline, "all-gather of sizes");

    std::size_t total = 0;
    for (const std::uint64_t size : b.receive_sizes) {
      b.offsets.push_back(mpi_count(total, "all-gather"));
      b.counts.push_back(mpi_count(size, "all-gather"));
      total += size;
    }
    b.receive.resize(total);
    check(MPI_Iallgatherv(b.send.data(), mpi_count(own.size(), "all-gather"), MPI_BYTE,
                          b.receive.data(), b.counts.data(), b.offsets.data(), MPI_BYTE,
                          MPI_COMM_WORLD, &request),
          "MPI_Iallgatherv");
    wait(request, buffers, deadline, "all-gather");

    std::vector<std::vector<std::byte>> result;
    for (std::size_t r = 0; r < ranks; ++r) {
      const auto first = b.receive.begin() + b.offsets[r];
      result.emplace_back(first, first + b.counts[r]);
    }
    return result;
  }

  [[nodiscard]] std::vector<std::byte> broadcast(std::span<const std::byte> bytes, int root,
                                                 const Deadline& deadline) override {
    auto buffers = std::make_unique<Buffers>();
    Buffers& b = *buffers;
    b.send_sizes = {bytes.size()};
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Ibcast(b.send_sizes.data(), 1, MPI_UINT64_T, root, MPI_COMM_WORLD, &request),
          "MPI_Ibcast");
    wait(request, buffers, deadline, "broadcast of a size");
    if (rank_ == root) {
      b.send.assign(bytes.begin(), bytes.end());
    }
    b.send.resize(b.send_sizes.front());
    check(MPI_Ibcast(b.send.data(), mpi_count(b.send.size(), "broadcast"), MPI_BYTE, root,
                     MPI_COMM_WORLD, &request),
          "MPI_Ibcast");
    wait(request, buffers, deadline, "broadcast");
    return std::move(b.send);
  }

  void barrier(const Deadline& deadline) override {
    auto buffers = std::make_unique<Buffers>();
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Ibarrier(MPI_COMM_WORLD, &request), "MPI_Ibarrier");
    wait(request, buffers, deadline, "barrier");
  }

  [[nodiscard]] std::vector<double> all_reduce_max(std::span<const double> values,
                                                   const Deadline& deadline) override {
    return all_reduce(values, MPI_MAX, deadline);
  }
  [[nodiscard]] std::vector<double> all_reduce_min(std::span<const double> values,
                                                   const Deadline& deadline) override {
    return all_reduce(values, MPI_MIN, deadline);
  }

  [[nodiscard]] std::vector<RankReport> roll_call(std::string_view state, double grace_s) override {
    has_called_roll_ = true;
    roll_call_messages_.emplace_back(state);
    const std::string& message = roll_call_messages_.back();
    for (int peer = 0; peer < size_; ++peer) {
      if (peer != rank_) {
        // Never waited for: a dead peer does not take it, and the job is about to end.
        MPI_Request request = MPI_REQUEST_NULL;
        MPI_Isend(message.data(), static_cast<int>(message.size()), MPI_CHAR, peer, kRollCallTag,
                  MPI_COMM_WORLD, &request);
      }
    }
    std::vector<RankReport> reports{{rank_, message}};
    const Deadline grace("roll call", grace_s);
    PollPause pause;
    while (static_cast<int>(reports.size()) < size_ && !grace.is_expired()) {
      int found = 0;
      MPI_Status status{};
      if (MPI_Iprobe(MPI_ANY_SOURCE, kRollCallTag, MPI_COMM_WORLD, &found, &status) !=
          MPI_SUCCESS) {
        break;
      }
      if (found == 0) {
        pause();
        continue;
      }
      int length = 0;
      MPI_Get_count(&status, MPI_CHAR, &length);
      std::string text(static_cast<std::size_t>(length), '\0');
      MPI_Recv(text.data(), length, MPI_CHAR, status.MPI_SOURCE, kRollCallTag, MPI_COMM_WORLD,
               MPI_STATUS_IGNORE);
      std::erase_if(reports, [&](const RankReport& r) { return r.rank == status.MPI_SOURCE; });
      reports.push_back({status.MPI_SOURCE, std::move(text)});
    }
    std::sort(reports.begin(), reports.end(),
              [](const RankReport& a, const RankReport& b) { return a.rank < b.rank; });
    return reports;
  }

  [[noreturn]] void abort(int exit_code) override {
    MPI_Abort(MPI_COMM_WORLD, exit_code);
    std::_Exit(exit_code);
  }

 private:
  std::vector<double> all_reduce(std::span<const double> values, MPI_Op op,
                                 const Deadline& deadline) {
    auto buffers = std::make_unique<Buffers>();
    Buffers& b = *buffers;
    b.send_values.assign(values.begin(), values.end());
    b.receive_values.resize(values.size());
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Iallreduce(b.send_values.data(), b.receive_values.data(),
                         mpi_count(values.size(), "all-reduce"), MPI_DOUBLE, op, MPI_COMM_WORLD,
                         &request),
          "MPI_Iallreduce");
    wait(request, buffers, deadline, "all-reduce on the host");
    return std::move(b.receive_values);
  }

  /// Takes the buffers over when it gives up: MPI may still write to them.
  void wait(MPI_Request& request, std::unique_ptr<Buffers>& buffers, const Deadline& deadline,
            const char* what) {
    PollPause pause;
    for (;;) {
      int done = 0;
      check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), what);
      if (done != 0) {
        return;
      }
      if (deadline.is_expired()) {
        abandoned_.push_back(std::move(buffers));
        throw_timeout(*this, deadline, what);
      }
      pause();
    }
  }

  int rank_ = 0;
  int size_ = 1;
  bool has_called_roll_ = false;
  std::vector<std::unique_ptr<Buffers>> abandoned_;
  std::deque<std::string> roll_call_messages_;  ///< stable addresses: MPI reads them later
};

}  // namespace

std::unique_ptr<Bootstrap> make_mpi_bootstrap(int& argc, char**& argv) {
  return std::make_unique<MpiBootstrap>(argc, argv);
}

std::string mpi_library_version() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  std::string version(text.data(), static_cast<std::size_t>(length));
  // Open MPI: "Open MPI v4.1.4, package: ..."; the rest names the build host.
  version.resize(std::min(version.find_first_of(",\n"), version.size()));
  return version;
}

}  // namespace rackproof::collectives
