#include "harness/cli/rank_run.hpp"

#include "harness/cli/journal.hpp"
#include "harness/cli/launch.hpp"
#include "harness/cli/software.hpp"
#include "harness/cli/target.hpp"
#include "harness/cli/termination.hpp"
#include "harness/config/error.hpp"
#include "harness/gbench/flags.hpp"
#include "harness/gbench/run_benchmarks.hpp"
#include "harness/measure/measure_collective.hpp"
#include "harness/measure/measure_operation.hpp"
#include "harness/measure/to_record.hpp"
#include "harness/record/rollup.hpp"
#include "harness/report/console.hpp"
#include "harness/report/progress.hpp"
#include "harness/topology/discover.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>
#include <unistd.h>

namespace rackproof::harness::cli {
namespace {

constexpr const char* kGoogleBenchmarkFile = "benchmark.json";

/// Longer than any batch or verification of the shipped suites, shorter than patience.
constexpr double kDefaultStepTimeout_s = 300;
/// How long other ranks give rank 0 to write what there is before they end the job themselves.
constexpr std::chrono::seconds kGraceForRoot{20};

constexpr const char* kNotReached = "the run ended before this benchmark";

/// "20261122T014500Z" as "2026-11-22T01:45:00Z".
std::string iso_time(const std::string& stamp) {
  return stamp.substr(0, 4) + "-" + stamp.substr(4, 2) + "-" + stamp.substr(6, 5) + ":" +
         stamp.substr(11, 2) + ":" + stamp.substr(13);
}

record::Reported<topology::RackFacts> recognise_rack(const Target& target,
                                                     const topology::Topology& topology) {
  const topology::Gpu& gpu = topology.gpu(0);
  const int gpus_per_node = topology::sizing_context(topology).gpus_per_node;
  const std::vector<topology::RackFacts> racks = known_racks(target.emulate);
  if (const topology::RackFacts* facts = topology::recognise(racks, gpu.name, gpus_per_node)) {
    return *facts;
  }
  return record::Reported<topology::RackFacts>::missing("configs/racks describes no rack with " +
                                                        std::to_string(gpus_per_node) + " x " +
                                                        gpu.name + " in a node");
}

/// All that a run has, in the order in which it comes to be.
class RankRun {
 public:
  RankRun(const RunCommand& command, const Arguments& arguments, collectives::Bootstrap& bootstrap,
          std::optional<Contract> contract)
      : command_(command),
        arguments_(arguments),
        bootstrap_(bootstrap),
        contract_(std::move(contract)) {}

  ExitCode run() {
    discover();
    plan_ = choose_plan(command_.target, suite_, discovery_.topology);
    if (discovery_.topology.backend == topology::Backend::emulated) {
      plan::spare_shared_cores(plan_, ranks_per_core());
    }
    context_.statistics = plan_.statistics;
    std::erase_if(plan_.benchmarks, [&](const plan::PlannedBenchmark& benchmark) {
      return !gbench::passes_filter(command_.benchmark_flags,
                                    gbench::displayed_name(benchmark.name));
    });
    if (plan_.benchmarks.empty()) {
      throw_nothing_matches();
    }
    // From here on a rank may fail alone, and the others would wait for it.
    try {
      if (is_root()) {
        open_journal();
      }
      measure_all();
      return finish();
    } catch (const collectives::TimeoutError& error) {
      end_job(error, record::Outcome::timed_out);
    } catch (const std::exception& error) {
      end_job(error, record::Outcome::failed);
    }
  }

  /// Thrown when no benchmark is left; main() has no better word for it than this code.
  struct NothingMatches {};

 private:
  [[nodiscard]] bool is_root() const { return bootstrap_.rank() == 0; }

  [[noreturn]] void throw_nothing_matches() const {
    if (is_root()) {
      std::cerr << "rackproof: nothing to run: no benchmark of suite " << plan_.suite
                << " matches the filter; rackproof plan lists them\n";
    }
    throw NothingMatches{};
  }

  void discover() {
    context_.bootstrap = &bootstrap_;
    context_.step_timeout_s = command_.timeout_s.value_or(kDefaultStepTimeout_s);
    discovery_ = topology::discover(bootstrap_, context_.deadline("discovery"));
    const topology::Topology& topology = discovery_.topology;
    const bool is_emulated = topology.backend == topology::Backend::emulated;
    suite_ = choose_suite(command_.target, is_emulated);
    rack_model_ = recognise_rack(command_.target, topology);
    context_.topology = &topology;
    context_.seed = command_.seed;
    context_.without_nvml = discovery_.without_nvml;
    if (command_.plant) {
      context_.plant = measure::Plant::parse(*command_.plant);
    }
    if (discovery_.nvml) {
      try {
        context_.nvml = discovery_.nvml->gpu(topology.gpu(bootstrap_.rank()).pci_bus_id);
      } catch (const runtime::NotAvailable& error) {
        context_.without_nvml = error.what();
      }
    }
    context_.stream.emplace();
    record_context_ = {&topology, &rack_model_,
                       is_emulated ? record::Basis::modelled : record::Basis::measured,
                       suite_.statistics.cold_l2};
  }

  /// Of the host that has most: all ranks must decide alike.
  [[nodiscard]] double ranks_per_core() {
    const topology::Topology& topology = discovery_.topology;
    const std::string& host = topology.node(bootstrap_.rank()).host;
    int ranks = 0;
    for (int rank = 0; rank < topology.gpus(); ++rank) {
      ranks += topology.node(rank).host == host ? 1 : 0;
    }
    const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
    return bootstrap_.max(static_cast<double>(ranks) / cores, context_.deadline("planning"));
  }

  void open_journal() {
    const std::string stamp = utc_stamp();
    record::Record record;
    record.run.id = stamp + "-" + std::to_string(getpid());
    record.run.started_at = iso_time(stamp);
    record.run.suite = plan_.suite;
    record.run.seed = command_.seed;
    record.run.command = {"rackproof"};
    record.run.command.insert(record.run.command.end(), arguments_.words.begin(),
                              arguments_.words.end());
    record.run.build = describe_build();
    record.run.backend = discovery_.topology.backend;
    record.topology = discovery_.topology;
    record.software = describe_software(discovery_.topology);
    record.rack_model = rack_model_;
    record.notes = discovery_.topology.notes;
    record.notes.insert(record.notes.end(), plan_.notes.begin(), plan_.notes.end());
    if (!discovery_.without_nvml.empty()) {
      record.notes.push_back(discovery_.without_nvml);
    }
    for (const plan::PlannedBenchmark& planned : plan_.benchmarks) {
      record.benchmarks.push_back(
          measure::not_run(planned, planned.cannot_run.value_or(kNotReached), record_context_));
    }
    journal_.emplace(std::move(record),
                     ResultsDirectory(contract_ ? contract_->results_path
                                                : choose_results_path(command_.out, plan_.suite)));
    if (!contract_) {
      // Self-started ranks have a process around them that completes their record.
      termination_.emplace([directory = journal_->directory()] {
        constexpr const char* kReason = "ended by SIGTERM";
        try {
          complete_partial(directory, kReason);
          std::cerr << "rackproof: error: " << kReason
                    << "; partial results: " << directory.final_path().string() << std::endl;
        } catch (const std::exception& error) {
          std::cerr << "rackproof: error: " << kReason << "; " << error.what() << std::endl;
        }
        std::_Exit(to_int(ExitCode::incomplete));
      });
    }
    report::ProgressPrinter::Options options = report::progress_options_for(STDOUT_FILENO);
    if (contract_) {
      // mpirun gives ranks a terminal of its own, whatever it writes to itself.
      options.live = contract_->is_terminal;
    }
    progress_.emplace(std::cout, plan_.benchmarks.size(), options);
  }

  void measure_all() {
    std::vector<gbench::Registered> registered;
    for (std::size_t i = 0; i < plan_.benchmarks.size(); ++i) {
      registered.push_back({plan_.benchmarks[i].name, [this, i] { return measure_one(i); }});
    }
    gbench::Options options;
    options.flags = command_.benchmark_flags;
    options.is_root = is_root();
    options.context = {{"rackproof_basis",
                        record_context_.basis == record::Basis::measured ? "measured" : "modelled"},
                       {"rackproof_gpus", std::to_string(discovery_.topology.gpus())}};
    if (is_root()) {
      options.json = journal_->directory().growing_file(kGoogleBenchmarkFile);
    }
    gbench::run_benchmarks(registered, options);
    if (is_root()) {
      journal_->directory().finish_file(kGoogleBenchmarkFile);
    }
    communicators_.finalize(context_);
  }

  gbench::Shown measure_one(std::size_t index) {
    const plan::PlannedBenchmark& planned = plan_.benchmarks[index];
    if (is_root()) {
      progress_->start(planned.name);
    }
    if (planned.cannot_run) {
      if (is_root()) {
        progress_->finish(journal_->current().benchmarks[index]);
      }
      return {0, {}, "", "", *planned.cannot_run};
    }
    const measure::Measurement measurement = measure_planned(planned);
    if (!is_root()) {
      return {};
    }
    record::Benchmark benchmark = measure::to_record(planned, measurement, record_context_);
    for (std::size_t rank = 0; rank < measurement.ranks.size(); ++rank) {
      for (const std::string& warning : measurement.ranks[rank].warnings) {
        journal_->note(planned.name + ", rank " + std::to_string(rank) + ": " + warning);
      }
    }
    progress_->finish(benchmark);
    const gbench::Shown shown = show(benchmark);
    journal_->store(index, std::move(benchmark));
    return shown;
  }

  measure::Measurement measure_planned(const plan::PlannedBenchmark& planned) {
    if (const auto* operation = std::get_if<plan::OperationBenchmark>(&planned.what)) {
      return measure::measure_operation(context_, planned.name, *operation);
    }
    return measure::measure_collective(context_, communicators_, planned.name,
                                       std::get<plan::CollectiveBenchmark>(planned.what));
  }

  /// Google Benchmark's view: the slowest GPU's median time, rates per rack.
  static gbench::Shown show(const record::Benchmark& benchmark) {
    gbench::Shown shown;
    if (benchmark.status != record::Status::ok) {
      shown.error = benchmark.status_reason;
      return shown;
    }
    for (const record::GpuResult& gpu : benchmark.gpus) {
      if (gpu.time_s) {
        shown.time_s = std::max(shown.time_s, gpu.time_s->median);
      }
    }
    for (const record::RackResult& rack : benchmark.racks) {
      if (rack.throughput) {
        shown.label = rack.throughput->unit;
        shown.counters.emplace_back(rack.throughput->sum ? "rack_sum" : "rack_median",
                                    record::representative(*rack.throughput));
      }
    }
    return shown;
  }

  /// Rank 0 writes what there is; then the whole job is ended, since ranks may hang for good.
  [[noreturn]] void end_job(const std::exception& error, record::Outcome outcome) {
    communicators_.abort();
    const int code = to_int(exit_code_of(error));
    if (is_root()) {
      std::cerr << "rackproof: error: " << error.what() << std::endl;
      keep_partial_results(error.what(), outcome);
      if (contract_) {
        report_exit_code(*contract_, code);
      }
    } else if (outcome == record::Outcome::timed_out) {
      // Rank 0 has run into the same deadline, unless it is the one that hangs.
      std::this_thread::sleep_for(kGraceForRoot);
    } else {
      std::cerr << "rackproof: error: rank " << bootstrap_.rank() << ": " << error.what()
                << std::endl;
    }
    bootstrap_.abort(code);
    std::_Exit(code);  // gcc 12 takes a virtual [[noreturn]] for one that returns
  }

  void keep_partial_results(const std::string& reason, record::Outcome outcome) {
    if (!journal_) {
      return;
    }
    progress_->end();
    try {
      journal_->note(reason);
      journal_->finish(outcome);
      std::cout << "partial results: " << journal_->directory().final_path().string() << std::endl;
    } catch (const std::exception& failure) {
      std::cerr << "rackproof: error: " << failure.what() << std::endl;
    }
  }

  /// Rank 0 decides; all ranks end with its code.
  ExitCode finish() {
    auto code = ExitCode::ok;
    if (is_root()) {
      progress_->end();
      code = exit_code_of(journal_->current());
      termination_.reset();
      journal_->finish(outcome_of(code));
      report::print_summary(std::cout, journal_->current());
      std::cout << "results: " << journal_->directory().final_path().string() << std::endl;
      for (const record::Benchmark& benchmark : journal_->current().benchmarks) {
        if (benchmark.status == record::Status::wrong ||
            benchmark.status == record::Status::failed) {
          std::cerr << "rackproof: " << benchmark.name << ": " << benchmark.status_reason << '\n';
        }
      }
    }
    const double agreed =
        bootstrap_.max(static_cast<double>(to_int(code)), context_.deadline("end"));
    return static_cast<ExitCode>(static_cast<int>(agreed));
  }

  const RunCommand& command_;
  const Arguments& arguments_;
  collectives::Bootstrap& bootstrap_;
  std::optional<Contract> contract_;

  topology::Discovery discovery_;
  plan::Suite suite_;
  record::Reported<topology::RackFacts> rack_model_;
  measure::Context context_;
  measure::RecordContext record_context_;
  plan::Plan plan_;
  measure::Communicators communicators_;
  std::optional<Journal> journal_;                   ///< rank 0 only
  std::optional<report::ProgressPrinter> progress_;  ///< rank 0 only
  std::optional<TerminationWatch> termination_;      ///< rank 0 only
};

}  // namespace

ExitCode run_as_rank(const RunCommand& command, const Arguments& arguments, int argc, char** argv) {
  const std::optional<Contract> contract = take_contract();
  if (!contract && launcher_rank().value_or(LauncherRank{}).rank == 0) {
    block_termination();
  }
  const std::unique_ptr<collectives::Bootstrap> bootstrap =
      launcher_rank() ? collectives::make_mpi_bootstrap(argc, argv)
                      : collectives::make_single_bootstrap();
  const bool reports = contract && bootstrap->rank() == 0;
  if (reports) {
    report_started(*contract);
  }
  auto code = ExitCode::ok;
  try {
    code = RankRun(command, arguments, *bootstrap, contract).run();
  } catch (const RankRun::NothingMatches&) {
    code = ExitCode::nothing_ran;
  } catch (const std::exception& error) {
    if (reports) {
      report_exit_code(*contract, to_int(exit_code_of(error)));
    }
    if (bootstrap->rank() == 0 || dynamic_cast<const config::ConfigError*>(&error) != nullptr) {
      throw;
    }
    // Said now: where only this rank has failed, leaving MPI waits for ranks that wait for this
    // one.
    std::cerr << "rackproof: error: rank " << bootstrap->rank() << ": " << error.what()
              << std::endl;
    return exit_code_of(error);
  }
  if (reports) {
    report_exit_code(*contract, to_int(code));
  }
  // The launcher would comment on a rank that ends with another code; the starting process knows.
  return contract ? ExitCode::ok : code;
}

}  // namespace rackproof::harness::cli
