#include "collectives/bootstrap.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace rackproof::collectives {
namespace {

class SingleBootstrap final : public Bootstrap {
 public:
  [[nodiscard]] int rank() const override { return 0; }
  [[nodiscard]] int size() const override { return 1; }
  [[nodiscard]] std::vector<std::vector<std::byte>> all_gather(std::span<const std::byte> own,
                                                               const Deadline&) override {
    return {{own.begin(), own.end()}};
  }
  [[nodiscard]] std::vector<std::byte> broadcast(std::span<const std::byte> bytes, int,
                                                 const Deadline&) override {
    return {bytes.begin(), bytes.end()};
  }
  void barrier(const Deadline&) override {}
  [[nodiscard]] std::vector<double> all_reduce_max(std::span<const double> values,
                                                   const Deadline&) override {
    return {values.begin(), values.end()};
  }
  [[nodiscard]] std::vector<double> all_reduce_min(std::span<const double> values,
                                                   const Deadline&) override {
    return {values.begin(), values.end()};
  }
  [[nodiscard]] std::vector<RankReport> roll_call(std::string_view state, double) override {
    return {{0, std::string(state)}};
  }
  [[noreturn]] void abort(int exit_code) override { std::_Exit(exit_code); }
};

}  // namespace

bool Bootstrap::agree(bool own, const Deadline& deadline) {
  return min(own ? 1.0 : 0.0, deadline) == 1.0;
}

double Bootstrap::max(double value, const Deadline& deadline) {
  return all_reduce_max(std::array{value}, deadline).front();
}

double Bootstrap::min(double value, const Deadline& deadline) {
  return all_reduce_min(std::array{value}, deadline).front();
}

void throw_timeout(Bootstrap& bootstrap, const Deadline& deadline, const std::string& waited_for) {
  const auto answers = bootstrap.roll_call(deadline.phase() + ": " + waited_for, kRollCallGrace_s);
  std::vector<int> missing;
  for (int rank = 0; rank < bootstrap.size(); ++rank) {
    if (std::none_of(answers.begin(), answers.end(),
                     [rank](const RankReport& report) { return report.rank == rank; })) {
      missing.push_back(rank);
    }
  }
  throw TimeoutError(deadline, waited_for, std::move(missing));
}

std::unique_ptr<Bootstrap> make_single_bootstrap() {
  return std::make_unique<SingleBootstrap>();
}

}  // namespace rackproof::collectives
