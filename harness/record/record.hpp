#pragma once
/// The record: everything one run found out, as data. results/README.md explains each field,
/// configs/schema/record.schema.json is its JSON form.

#include "harness/record/benchmark.hpp"
#include "harness/topology/rack_facts.hpp"
#include "harness/topology/topology.hpp"

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace rackproof::harness::record {

/// Semantic version of the document: a field removed or redefined raises the major number, a field
/// added the minor one.
inline constexpr const char* kSchemaVersion = "1.4.0";

/// A record that contradicts itself: a figure that is not finite, an empty name, mixed units. A bug
/// in the suite, never a state of the rack.
class InvalidRecord : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// How the run ended; the same classes as the exit codes.
enum class Outcome : std::uint8_t { ok, wrong_results, timed_out, failed, nothing_ran };

/// Where the program came from (cmake/BuildInfo.cmake).
struct Build {
  std::string version;
  Reported<std::string> git_commit;
  Reported<bool> git_dirty;
  std::string build_type;
  std::string host_compiler;
  std::string cuda_compiler;
};

struct Run {
  std::string id;          ///< unique: "20261122T014500Z-3f2a"
  std::string started_at;  ///< UTC, "2026-11-22T01:45:00Z"
  Reported<double> duration_s;
  std::string suite;
  std::uint64_t seed = 0;
  std::vector<std::string> command;
  Build build;
  topology::Backend backend = topology::Backend::gpu;
  Outcome outcome = Outcome::ok;

  /// The basis that follows from the backend: every figure of the record has this one.
  [[nodiscard]] Basis basis() const {
    return backend == topology::Backend::gpu ? Basis::measured : Basis::modelled;
  }
};

/// Versions as the libraries themselves report them, and the environment that changes figures.
struct Software {
  Reported<std::string> driver;
  Reported<std::string> cuda_driver;  ///< highest CUDA version the driver supports
  Reported<std::string> cuda_runtime;
  Reported<std::string> nccl;
  Reported<std::string> cublaslt;
  Reported<std::string> mpi;
  Reported<std::string> google_benchmark;
  Reported<std::string> operating_system;
  Reported<std::string> kernel;
  std::string architecture;                        ///< "aarch64", "x86_64"
  std::map<std::string, std::string> environment;  ///< allow-list only, see environment.hpp
};

struct Record {
  Run run;
  Software software;
  topology::Topology topology;
  /// Datasheet figures of the rack model that the topology was recognised as.
  Reported<topology::RackFacts> rack_model;
  std::vector<Benchmark> benchmarks;
  std::vector<std::string> notes;  ///< one sentence each
};

/// The reference to the GPU that `rank` drives. Throws std::out_of_range for no such rank.
[[nodiscard]] GpuRef gpu_ref(const topology::Topology& topology, int rank);

}  // namespace rackproof::harness::record
