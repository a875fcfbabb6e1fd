#include "harness/cli/commands.hpp"
#include "harness/cli/emulate.hpp"
#include "harness/cli/target.hpp"
#include "harness/config/error.hpp"
#include "harness/config/locations.hpp"
#include "harness/record/json_layout.hpp"
#include "harness/report/format.hpp"
#include "harness/report/text_table.hpp"
#include "harness/topology/describe.hpp"
#include "harness/work/baseline.hpp"
#include "harness/work/count.hpp"
#include "rackproof_build_info.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>
#include <map>

namespace rackproof::harness::cli {
namespace {

/// The problems of one operation, counted and compared.
struct OperationWork {
  std::string operation;
  std::vector<work::Entry> entries;
  std::vector<work::Comparison> comparisons;  ///< those of `entries` first, in their order
  std::map<std::string, std::map<std::string, std::string>> accepted;  ///< by problem, rule
  std::string note;                  ///< why counts may differ without a change; or empty
  std::vector<std::string> not_run;  ///< problems that this rack cannot run, with the reason
};

topology::Topology one_gpu() {
  std::unique_ptr<topology::Nvml> nvml;
  std::string without_nvml;
  try {
    nvml = topology::load_nvml();
  } catch (const runtime::NotAvailable& error) {
    without_nvml = error.what();
  }
  const std::vector<topology::RankDescription> ranks{
      {topology::describe_node(nvml.get()), topology::describe_gpu(0, 0, nvml.get(), without_nvml),
       ""}};
  return topology::assemble(ranks);
}

/// Counts everything that the suite plans, by operation, in the order of the registry.
std::vector<OperationWork> count_all(const plan::Plan& plan) {
  std::vector<OperationWork> all;
  for (const kernels::Operation* operation : kernels::operations()) {
    all.push_back({std::string(operation->name()), {}, {}, {}, {}, {}});
    for (const plan::PlannedBenchmark& planned : plan.benchmarks) {
      if (planned.is_collective() || planned.operation() != operation->name()) {
        continue;
      }
      if (planned.cannot_run) {
        // A note suffices: what the baseline has and this build cannot run is gone, a failure.
        all.back().not_run.push_back(planned.name + " cannot run: " + *planned.cannot_run);
      } else {
        all.back().entries.push_back(work::count(planned));
      }
    }
  }
  return all;
}

work::Baseline baseline_of(const OperationWork& counted, const std::string& rack) {
  work::Baseline baseline{counted.operation, rack, std::string(build_info::kCudaCompiler), {}};
  for (const work::Entry& entry : counted.entries) {
    baseline.problems.push_back(work::baseline_entry(entry));
    if (const auto found = counted.accepted.find(entry.name); found != counted.accepted.end()) {
      baseline.problems.back().accepted = found->second;
    }
  }
  return baseline;
}

/// Of a part of the suite, only that part of the baseline is compared.
void keep_matching(std::vector<work::BaselineEntry>& problems, const WorkCommand& command,
                   const std::vector<work::Entry>& entries) {
  if (!command.filter) {
    return;
  }
  std::erase_if(problems, [&](const work::BaselineEntry& problem) {
    return std::ranges::find(entries, problem.name, &work::Entry::name) == entries.end();
  });
}

void compare(OperationWork& counted, const std::filesystem::path& folder, const std::string& rack,
             const WorkCommand& command) {
  const std::filesystem::path file = work::baseline_file(folder, counted.operation);
  work::Baseline baseline;
  if (std::filesystem::exists(file)) {
    baseline = work::read_baseline(file);
    if (baseline.rack != rack) {
      throw config::ConfigError(file.string(), "holds counts of " + baseline.rack + ", not of " +
                                                   rack + "; leave --emulate out");
    }
    if (baseline.cuda_compiler != build_info::kCudaCompiler) {
      counted.note = fmt::format("baseline of CUDA compiler {}, this build's is {}",
                                 baseline.cuda_compiler, build_info::kCudaCompiler);
    }
  }
  for (const work::BaselineEntry& problem : baseline.problems) {
    counted.accepted[problem.name] = problem.accepted;
  }
  keep_matching(baseline.problems, command, counted.entries);
  counted.comparisons = work::compare(counted.entries, baseline.problems);
}

std::string ratio(double value, double minimum) {
  return minimum > 0 ? fmt::format("{:.3f}", value / minimum) : "-";
}

std::string whole(std::uint64_t value) {
  return fmt::format("{}", value);
}

void print_table(const std::vector<OperationWork>& all) {
  report::TextTable table({{"problem", report::TextTable::Align::left},
                           {"mma"},
                           {"flops / min"},
                           {"touched / min"},
                           {"asked / min"},
                           {"sectors"},
                           {"excess"},
                           {"wavefronts"},
                           {"conflicts"},
                           {"barriers"},
                           {"regs"},
                           {"spill"},
                           {"baseline", report::TextTable::Align::left}});
  for (const OperationWork& counted : all) {
    for (std::size_t i = 0; i < counted.comparisons.size(); ++i) {
      const work::Comparison& comparison = counted.comparisons[i];
      if (i >= counted.entries.size()) {
        std::vector<std::string> cells(13, "-");
        cells.front() = comparison.name;
        cells.back() = work::to_string(comparison.verdict);
        table.add_row(cells);
        continue;
      }
      const work::Entry& entry = counted.entries[i];
      const record::WorkCounts& counts = entry.counts;
      const auto asked = static_cast<double>(counts.global_load_bytes + counts.global_store_bytes);
      table.add_row({entry.name, whole(counts.matrix_instructions),
                     ratio(counts.tensor_flops > 0 ? counts.tensor_flops : counts.fp32_flops,
                           entry.minimum.flops),
                     ratio(static_cast<double>(counts.unique_global_bytes), entry.minimum.bytes),
                     ratio(asked, entry.minimum.bytes), whole(counts.global_sectors),
                     whole(work::excess_sectors(counts)), whole(counts.shared_wavefronts),
                     whole(work::bank_conflicts(counts)), whole(counts.barrier_waits),
                     whole(static_cast<std::uint64_t>(entry.resources.registers_per_thread)),
                     whole(static_cast<std::uint64_t>(entry.resources.spill_bytes_per_thread)),
                     work::to_string(comparison.verdict)});
    }
  }
  table.print(std::cout);
  std::cout << "flops, touched and asked bytes over the minimum of the problem; touched: distinct "
               "sectors, asked: by all threads\n";
}

/// Everything that is to be said beyond the table, one line each.
struct Findings {
  std::vector<std::string> failures;
  std::vector<std::string> improvements;
  std::vector<std::string> notes;
};

bool is_accepted(const OperationWork& counted, const std::string& problem, std::string_view rule) {
  const auto rules = counted.accepted.find(problem);
  return rules != counted.accepted.end() && rules->second.contains(std::string(rule));
}

/// The default rack's baselines, or those of another one in a folder below.
std::filesystem::path folder_of(const std::string& rack) {
  const std::filesystem::path folder = config::work_baselines_folder();
  return rack == kDefaultEmulatedRack ? folder : folder / rack;
}

Findings find(const std::vector<OperationWork>& all, bool is_whole) {
  Findings findings;
  for (const OperationWork& counted : all) {
    if (counted.entries.empty() && is_whole) {
      findings.failures.push_back(counted.operation +
                                  ": the suite has no canonical problem of this operation");
    }
    for (const work::Entry& entry : counted.entries) {
      for (const work::BrokenRule& broken : work::broken_rules(entry)) {
        if (!is_accepted(counted, entry.name, broken.rule)) {
          findings.failures.push_back(entry.name + ": " + broken.what);
        }
      }
    }
    for (const work::Comparison& comparison : counted.comparisons) {
      if (comparison.verdict == work::Verdict::equal) {
        continue;
      }
      const std::string line =
          fmt::format("{}: {}: {}", comparison.name, work::to_string(comparison.verdict),
                      fmt::join(comparison.differences, ", "));
      (work::fails(comparison.verdict) ? findings.failures : findings.improvements).push_back(line);
    }
    if (!counted.note.empty()) {
      findings.notes.push_back(counted.operation + ": " + counted.note);
    }
    findings.notes.insert(findings.notes.end(), counted.not_run.begin(), counted.not_run.end());
  }
  return findings;
}

void print_json(const std::vector<OperationWork>& all, const Findings& findings,
                const std::string& rack) {
  using Json = nlohmann::ordered_json;
  Json document{{"rack", rack}, {"cuda_compiler", build_info::kCudaCompiler}};
  document["problems"] = Json::array();
  for (const OperationWork& counted : all) {
    for (std::size_t i = 0; i < counted.comparisons.size(); ++i) {
      const work::Comparison& comparison = counted.comparisons[i];
      Json problem{{"operation", counted.operation},
                   {"name", comparison.name},
                   {"verdict", work::to_string(comparison.verdict)},
                   {"differences", comparison.differences}};
      if (i < counted.entries.size()) {
        const work::Entry& entry = counted.entries[i];
        problem["variant"] = entry.variant;
        problem["kernel"] = entry.resources.kernel;
        problem["minimum"] = {{"flops", entry.minimum.flops},
                              {"bytes", entry.minimum.bytes},
                              {"accesses", entry.minimum.accesses}};
        for (const work::Metric& metric : work::metrics()) {
          problem["counts"][std::string(metric.name)] = metric.value(entry);
        }
        problem["broken_rules"] = Json::array();
        for (const work::BrokenRule& broken : work::broken_rules(entry)) {
          problem["broken_rules"].push_back(broken.what);
        }
      }
      document["problems"].push_back(std::move(problem));
    }
  }
  document["failures"] = findings.failures;
  document["improvements"] = findings.improvements;
  document["notes"] = findings.notes;
  std::cout << record::lay_out(document);
}

void print_findings(const Findings& findings) {
  for (const std::string& line : findings.improvements) {
    std::cout << line << '\n';
  }
  if (!findings.improvements.empty()) {
    std::cout << "better than the baseline: keep it with `rackproof work --update`\n";
  }
  for (const std::string& line : findings.notes) {
    std::cout << "note: " << line << '\n';
  }
  for (const std::string& line : findings.failures) {
    std::cerr << "rackproof: " << line << '\n';
  }
}

}  // namespace

ExitCode work(const WorkCommand& command, char** argv) {
  const std::filesystem::path rack_file =
      config::find_config("racks", command.emulate.value_or(kDefaultEmulatedRack));
  if (!is_emulated_process()) {
    require_emulator();
    check_emulated_rack(rack_file);
    become_emulated(rack_file, 0, argv);
  }
  const std::string rack = topology::read_rack_facts(rack_file).id;
  const plan::Suite suite = plan::read_suite(config::find_config("suites", command.suite));
  plan::Plan plan = plan::make_plan(suite, one_gpu());
  if (command.filter) {
    plan::keep_matching(plan, *command.filter);
  }
  const std::filesystem::path folder =
      command.baselines ? std::filesystem::path(*command.baselines) : folder_of(rack);

  std::vector<OperationWork> all;
  try {
    all = count_all(plan);
  } catch (const work::WrongResult& error) {
    std::cerr << "rackproof: error: " << error.what() << '\n';
    return ExitCode::wrong_results;
  }
  for (OperationWork& counted : all) {
    compare(counted, folder, rack, command);
    if (command.update && !counted.entries.empty()) {
      std::filesystem::create_directories(folder);
      work::write_baseline(baseline_of(counted, rack), folder);
      compare(counted, folder, rack, command);
    }
  }
  const Findings findings = find(all, !command.filter);
  if (command.json) {
    print_json(all, findings, rack);
  } else {
    print_table(all);
  }
  if (!command.json) {
    print_findings(findings);
  }
  return findings.failures.empty() ? ExitCode::ok : ExitCode::more_work;
}

}  // namespace rackproof::harness::cli
