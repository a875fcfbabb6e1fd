#include "harness/plan/suite.hpp"

#include "collectives/collective.hpp"
#include "collectives/types.hpp"
#include "harness/config/json_reader.hpp"
#include "kernels/operation.hpp"

#include <array>

namespace rackproof::harness::plan {
namespace {

using config::ObjectReader;

constexpr std::int64_t kMostSamples = 1'000'000;
constexpr double kLongest_s = 86'400;
constexpr std::int64_t kLargestMessage_bytes = std::int64_t{1} << 42;
constexpr std::int64_t kLargestFactor = 1 << 20;

Statistics read_statistics(ObjectReader reader) {
  Statistics statistics;
  const auto count = [&](std::string_view key, int& value, int minimum) {
    if (reader.has(key)) {
      value = static_cast<int>(reader.integer(key, minimum, kMostSamples));
    }
  };
  const auto real = [&](std::string_view key, double& value, double maximum) {
    if (reader.has(key)) {
      value = reader.number(key, 0, maximum);
    }
  };
  count("warmup", statistics.warmup, 0);
  count("min_samples", statistics.min_samples, 1);
  count("max_samples", statistics.max_samples, 1);
  real("min_time_s", statistics.min_time_s, kLongest_s);
  real("max_time_s", statistics.max_time_s, kLongest_s);
  real("max_noise", statistics.max_noise, 1);
  if (reader.has("cold_l2")) {
    statistics.cold_l2 = reader.flag("cold_l2");
  }
  reader.finish();
  if (statistics.max_samples < statistics.min_samples) {
    reader.fail("max_samples", "must not be below min_samples (" +
                                   std::to_string(statistics.min_samples) + "), found " +
                                   std::to_string(statistics.max_samples));
  }
  return statistics;
}

template <typename Range>
std::vector<std::string> names_of(const Range& entries) {
  std::vector<std::string> names;
  for (const auto& entry : entries) {
    names.emplace_back(entry.name);
  }
  return names;
}

OperationRequest read_operation(ObjectReader reader) {
  std::vector<std::string> known;
  for (const kernels::Operation* operation : kernels::operations()) {
    known.emplace_back(operation->name());
  }
  OperationRequest request;
  request.operation = reader.choice("operation", known);
  request.place = reader.place("params");
  if (reader.has("params")) {
    request.params = reader.object("params").params();
  }
  reader.ignore({"comment"});
  reader.finish();
  return request;
}

/// Names of all values of an enumeration of collectives/types.hpp.
template <typename Enum, std::size_t n>
std::vector<std::string> texts(const std::array<Enum, n>& values) {
  std::vector<std::string> result;
  for (const Enum value : values) {
    result.emplace_back(to_string(value));
  }
  return result;
}

CollectiveRequest read_collective(ObjectReader reader) {
  using collectives::DataType;
  using collectives::Placement;
  using collectives::ReduceOp;
  const std::vector<std::string> types =
      texts(std::array{DataType::float32, DataType::bfloat16, DataType::int32});
  const std::vector<std::string> reductions =
      texts(std::array{ReduceOp::sum, ReduceOp::min, ReduceOp::max});
  const std::vector<std::string> placements =
      texts(std::array{Placement::out_of_place, Placement::in_place});

  CollectiveRequest request;
  request.place = reader.place();
  request.collective = reader.choice("collective", names_of(collectives::collectives()));
  request.types = reader.choices_or("types", types, {"float32"});
  request.reductions = reader.choices_or("reductions", reductions, {"sum"});
  request.placements = reader.choices_or("placements", placements, placements);
  request.scopes = reader.choices_or("scopes", {"node", "rack", "all"}, {"all"});
  if (reader.has("min_bytes")) {
    request.min_bytes =
        static_cast<std::uint64_t>(reader.integer("min_bytes", 1, kLargestMessage_bytes));
  }
  if (reader.has("max_bytes")) {
    request.max_bytes =
        static_cast<std::uint64_t>(reader.integer("max_bytes", 1, kLargestMessage_bytes));
  }
  if (reader.has("max_memory_share")) {
    request.max_memory_share = reader.number("max_memory_share", 1e-9, 0.9);
  }
  if (reader.has("factor")) {
    request.factor = reader.integer("factor", 2, kLargestFactor);
  }
  reader.ignore({"comment"});
  reader.finish();
  if (request.max_bytes.has_value() == request.max_memory_share.has_value()) {
    reader.fail({}, "needs either \"max_bytes\" or \"max_memory_share\"");
  }
  if (request.max_bytes && *request.max_bytes < request.min_bytes) {
    reader.fail("max_bytes", "must not be below min_bytes (" + std::to_string(request.min_bytes) +
                                 "), found " + std::to_string(*request.max_bytes));
  }
  return request;
}

}  // namespace

Suite read_suite(const std::filesystem::path& file) {
  ObjectReader document = config::read_object(file);
  document.ignore({"$schema"});
  document.expect("schema_version", "1.0");
  Suite suite;
  suite.name = document.text("name");
  // The name becomes part of a folder's name.
  if (suite.name.empty() ||
      suite.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") != std::string::npos) {
    document.fail("name", "must consist of a-z, 0-9, '-' and '_', found \"" + suite.name + "\"");
  }
  suite.summary = document.text("summary");
  if (document.has("statistics")) {
    suite.statistics = read_statistics(document.object("statistics"));
  }
  for (const ObjectReader& entry : document.objects("operations")) {
    suite.operations.push_back(read_operation(entry));
  }
  for (const ObjectReader& entry : document.objects("collectives")) {
    suite.collectives.push_back(read_collective(entry));
  }
  document.finish();
  if (suite.operations.empty() && suite.collectives.empty()) {
    document.fail({}, "asks for nothing; give \"operations\" or \"collectives\"");
  }
  return suite;
}

}  // namespace rackproof::harness::plan
