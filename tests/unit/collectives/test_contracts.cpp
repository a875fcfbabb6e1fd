// The table of collectives, the vocabulary, the errors, and the bootstrap of one rank.
#include "collectives/bootstrap.hpp"
#include "collectives/collective.hpp"
#include "collectives/communicator.hpp"
#include "collectives/types.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace rackproof::collectives {
namespace {

TEST(Collectives, EveryEntryIsComplete) {
  std::set<std::string_view> names;
  for (const Collective& collective : collectives()) {
    EXPECT_TRUE(names.insert(collective.name).second) << collective.name;
    EXPECT_FALSE(collective.summary.empty()) << collective.name;
    EXPECT_FALSE(collective.size_meaning.empty()) << collective.name;
    EXPECT_TRUE(collective.send_elements && collective.receive_elements && collective.count &&
                collective.bus_factor && collective.switch_wire_factor && collective.run &&
                collective.expected)
        << collective.name;
    EXPECT_EQ(find_collective(collective.name), &collective);
  }
  EXPECT_TRUE(names.contains("all_reduce"));
  EXPECT_EQ(find_collective("all_gossip"), nullptr);
}

TEST(Collectives, AllReduceCountsWholeElements) {
  const Collective& all_reduce = *find_collective("all_reduce");
  EXPECT_EQ(all_reduce.count(8, DataType::float32, 4), 2u);
  EXPECT_EQ(all_reduce.count(8, DataType::bfloat16, 4), 4u);
  EXPECT_EQ(all_reduce.count(7, DataType::int32, 4), 1u);
  EXPECT_EQ(all_reduce.count(1, DataType::bfloat16, 4), 0u);
}

TEST(Types, NamesRoundTrip) {
  for (const auto type : {DataType::float32, DataType::bfloat16, DataType::int32}) {
    EXPECT_EQ(parse_data_type(to_string(type)), type);
  }
  for (const auto op : {ReduceOp::sum, ReduceOp::min, ReduceOp::max}) {
    EXPECT_EQ(parse_reduce_op(to_string(op)), op);
  }
  for (const auto placement : {Placement::out_of_place, Placement::in_place}) {
    EXPECT_EQ(parse_placement(to_string(placement)), placement);
  }
  EXPECT_EQ(parse_data_type("float33"), std::nullopt);
  EXPECT_EQ(parse_reduce_op(""), std::nullopt);
  EXPECT_EQ(parse_placement("inplace"), std::nullopt);
}

TEST(Errors, TimeoutNamesPhaseOperationLimitAndRanks) {
  const Deadline deadline("warm-up", 2.5);
  const TimeoutError error(deadline, "all_reduce/float32/sum/in_place/8", {3, 17});
  EXPECT_EQ(error.phase(), "warm-up");
  EXPECT_EQ(error.missing_ranks(), (std::vector<int>{3, 17}));
  EXPECT_STREQ(error.what(),
               "phase warm-up: all_reduce/float32/sum/in_place/8 not complete after 2.5 s; no "
               "answer from rank 3, 17");
}

TEST(Errors, NcclErrorNamesCodeExpressionAndPlace) {
  try {
    RACKPROOF_NCCL(ncclInvalidArgument, nullptr);
    FAIL() << "nothing thrown";
  } catch (const NcclError& error) {
    EXPECT_EQ(error.code(), ncclInvalidArgument);
    EXPECT_NE(std::string(error.what()).find("ncclInvalidArgument returned"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("test_contracts.cpp:"), std::string::npos);
  }
  EXPECT_NO_THROW(RACKPROOF_NCCL(ncclInProgress, nullptr));
}

TEST(Errors, DeadlineExpires) {
  EXPECT_TRUE(Deadline("test", 0).is_expired());
  EXPECT_FALSE(Deadline("test", 3600).is_expired());
}

/// Three ranks of which only the given ones answer a roll call.
class SilentRanks final : public Bootstrap {
 public:
  explicit SilentRanks(std::vector<int> answering) : answering_(std::move(answering)) {}
  [[nodiscard]] int rank() const override { return 0; }
  [[nodiscard]] int size() const override { return 3; }
  [[nodiscard]] std::vector<std::vector<std::byte>> all_gather(std::span<const std::byte>,
                                                               const Deadline&) override {
    return {};
  }
  [[nodiscard]] std::vector<std::byte> broadcast(std::span<const std::byte>, int,
                                                 const Deadline&) override {
    return {};
  }
  void barrier(const Deadline&) override {}
  [[nodiscard]] std::vector<double> all_reduce_max(std::span<const double>,
                                                   const Deadline&) override {
    return {};
  }
  [[nodiscard]] std::vector<double> all_reduce_min(std::span<const double>,
                                                   const Deadline&) override {
    return {};
  }
  [[nodiscard]] std::vector<RankReport> roll_call(std::string_view state, double) override {
    std::vector<RankReport> reports;
    for (const int rank : answering_) {
      reports.push_back({rank, std::string(state)});
    }
    return reports;
  }
  [[noreturn]] void abort(int exit_code) override { std::_Exit(exit_code); }

 private:
  std::vector<int> answering_;
};

TEST(Bootstrap, TimeoutNamesWhoDidNotAnswer) {
  const auto missing_when = [](std::vector<int> answering) {
    SilentRanks bootstrap(std::move(answering));
    try {
      throw_timeout(bootstrap, Deadline("sample", 1), "barrier");
    } catch (const TimeoutError& error) {
      return error.missing_ranks();
    }
  };
  EXPECT_EQ(missing_when({0, 2}), std::vector<int>{1});
  EXPECT_EQ(missing_when({0}), (std::vector<int>{1, 2}));
  EXPECT_TRUE(missing_when({0, 1, 2}).empty());
}

TEST(Bootstrap, OneRankAgreesWithItself) {
  const auto bootstrap = make_single_bootstrap();
  const Deadline deadline("test", 1);
  const std::vector<std::byte> message{std::byte{1}, std::byte{2}};
  EXPECT_EQ(bootstrap->size(), 1);
  EXPECT_EQ(bootstrap->all_gather(message, deadline), std::vector<std::vector<std::byte>>{message});
  EXPECT_EQ(bootstrap->broadcast(message, 0, deadline), message);
  EXPECT_TRUE(bootstrap->agree(true, deadline));
  EXPECT_FALSE(bootstrap->agree(false, deadline));
  EXPECT_EQ(bootstrap->max(-1.5, deadline), -1.5);
}

TEST(NcclLibrary, SaysWhatTheLoaderFound) {
  const NcclLibrary library = nccl_library();
  EXPECT_GE(library.version_code, NCCL_VERSION(2, 27, 0));
  EXPECT_EQ(library.file_name.rfind("libnccl.so", 0), 0u) << library.file_name;
}

}  // namespace
}  // namespace rackproof::collectives
