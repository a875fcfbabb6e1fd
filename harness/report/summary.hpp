#pragma once
/// What every rendering says first: how much ran, how much of it was right. No verdict on speed.

#include "harness/record/record.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace rackproof::harness::report {

/// Counts over a record's benchmarks and their GPU results.
struct Summary {
  std::size_t racks = 0;
  std::size_t nodes = 0;
  std::size_t gpus = 0;
  std::size_t ok = 0;  ///< benchmarks, by status
  std::size_t wrong = 0;
  std::size_t failed = 0;
  std::size_t not_run = 0;
  std::size_t results = 0;   ///< GPU results of the benchmarks that ran
  std::size_t verified = 0;  ///< of them: equal to the reference within the tolerance
};
[[nodiscard]] Summary summarise(const record::Record& record);

/// "1 rack, 2 nodes, 8 GPUs"
[[nodiscard]] std::string extent(const Summary& summary);
/// "17 ok, 1 wrong, 1 not run"
[[nodiscard]] std::string outcomes(const Summary& summary);

/// Short names for people: "rack 0" in the order of the record, "tray 3" or the host name. The
/// record's own ids name chassis and fabric, and are listed once.
[[nodiscard]] std::string rack_label(const record::Record& record, std::string_view rack_id);
[[nodiscard]] std::string node_label(const topology::Node& node);
[[nodiscard]] std::string node_label(const record::Record& record, std::string_view node_id);

/// The sentence that stands over every rendering of an emulated run.
inline constexpr std::string_view kModelledBanner =
    "Modelled figures: they follow from the emulator's clock model and are not a measurement.";

/// The benchmarks of one operation, in the order of the record.
struct OperationGroup {
  std::string operation;
  std::vector<const record::Benchmark*> benchmarks;
};
[[nodiscard]] std::vector<OperationGroup> by_operation(const record::Record& record);

/// What a collective's benchmarks of all sizes have in common: the name without its last part.
[[nodiscard]] std::string without_size(std::string_view name);

/// "not run" for not_run, and so on.
[[nodiscard]] std::string status_words(record::Status status);

/// How many GPU results of a benchmark were verified, and what is to be said of the others.
struct VerificationCount {
  std::size_t verified = 0;
  std::size_t wrong = 0;
  std::size_t unknown = 0;
  std::string note;  ///< the first wrong element, else the first reason for an unknown one
};
[[nodiscard]] VerificationCount count_verified(const record::Benchmark& benchmark);

/// The scopes of a collective's communicators, in the order of the record.
[[nodiscard]] std::vector<std::string> scopes_of(const record::Benchmark& benchmark);

/// The communicator to show of those of one scope that ran side by side: a wrong one, else the
/// slowest. `scope` is one of scopes_of().
[[nodiscard]] const record::CommunicatorResult& telling_communicator(
    const record::Benchmark& benchmark, const std::string& scope);

/// The GPUs' throughput, as one aggregate over the whole run; missing where a GPU has no figure.
[[nodiscard]] record::Reported<record::Aggregate> per_gpu(const record::Benchmark& benchmark);

}  // namespace rackproof::harness::report
