#include "harness/record/names.hpp"
#include "harness/report/format.hpp"
#include "harness/report/html_sections.hpp"
#include "harness/report/html_text.hpp"
#include "harness/report/summary.hpp"

#include <fmt/format.h>

namespace rackproof::harness::report {
namespace {

/// Beyond this many GPUs the list starts folded.
constexpr std::size_t kGpusUnfolded = 8;

std::string command_line(const std::vector<std::string>& arguments) {
  std::string line;
  for (const std::string& argument : arguments) {
    const bool quoted = argument.empty() || argument.find_first_of(" \t'\"$") != std::string::npos;
    line += line.empty() ? "" : " ";
    line += quoted ? "'" + argument + "'" : argument;
  }
  return line;
}

std::string commit(const record::Build& build) {
  if (!build.git_commit) {
    return missing(build.git_commit.reason());
  }
  const bool dirty = build.git_dirty.value_or(false);
  return fmt::format("<code>{}</code>{}", escape(build.git_commit->substr(0, 12)),
                     dirty ? " with uncommitted changes" : "");
}

std::string run_facts(const record::Record& record) {
  const record::Run& run = record.run;
  std::string html = "<table class=\"facts\"><tbody>\n";
  html += fact("Run", escape(run.id));
  html += fact("Started", escape(run.started_at));
  html += fact("Duration",
               run.duration_s ? html_duration(*run.duration_s) : missing(run.duration_s.reason()));
  html += fact("Suite, seed", fmt::format("{}, {}", escape(run.suite), run.seed));
  html += fact("Command", fmt::format("<code>{}</code>", escape(command_line(run.command))));
  html += fact("Backend", fmt::format("{}, figures are {}", record::name_of(run.backend),
                                      record::name_of(run.basis())));
  html += fact("Rackproof", fmt::format("{} at {}", escape(run.build.version), commit(run.build)));
  html += fact("Build", escape(fmt::format("{}, {}, {}", run.build.build_type,
                                           run.build.host_compiler, run.build.cuda_compiler)));
  if (record.rack_model) {
    const topology::RackFacts& facts = *record.rack_model;
    html += fact("Rack model", escape(fmt::format("{} ({} x {} GPUs; {})", facts.id, facts.nodes,
                                                  facts.gpus_per_node, facts.source)));
  } else {
    html += fact("Rack model", missing(record.rack_model.reason()));
  }
  return html + "</tbody></table>\n";
}

std::string software_facts(const record::Software& software) {
  std::string html = "<table class=\"facts\"><tbody>\n";
  html += fact("Driver", software.driver);
  html += fact("CUDA of the driver", software.cuda_driver);
  html += fact("CUDA runtime", software.cuda_runtime);
  html += fact("NCCL", software.nccl);
  html += fact("cuBLASLt", software.cublaslt);
  html += fact("MPI", software.mpi);
  html += fact("Google Benchmark", software.google_benchmark);
  html += fact("Operating system", software.operating_system);
  html += fact("Kernel", software.kernel);
  html += fact("Architecture", escape(software.architecture));
  for (const auto& [name, value] : software.environment) {
    html += fact(name, fmt::format("<code>{}</code>", escape(value.empty() ? "(empty)" : value)));
  }
  return html + "</tbody></table>\n";
}

std::string gpu_row(const topology::Node& node, const topology::Gpu& gpu) {
  const std::string module =
      gpu.module_id ? std::to_string(*gpu.module_id) : missing(gpu.module_id.reason());
  const std::string fabric =
      gpu.fabric ? std::string(record::name_of(gpu.fabric->state)) : missing(gpu.fabric.reason());
  constexpr double kBytesPerGib = 1024.0 * 1024.0 * 1024.0;
  return fmt::format(
      "<tr><td class=\"n\">{}</td><td title=\"{}\">{}</td><td class=\"n\">{}</td><td>{}</td><td>{}"
      "</td><td><code>{}</code></td><td><code>{}</code></td><td class=\"n\">{}</td><td class=\"n\">"
      "{}.{}</td><td class=\"n\">{}</td><td class=\"n\">{:.1f}</td><td>{}</td></tr>\n",
      gpu.rank, escape(node.id), escape(node_label(node)), gpu.device, escape(gpu.name),
      gpu.serial ? escape(*gpu.serial) : missing(gpu.serial.reason()), escape(gpu.uuid),
      escape(gpu.pci_bus_id), module, gpu.cc.major, gpu.cc.minor, gpu.multiprocessors,
      static_cast<double>(gpu.memory_bytes) / kBytesPerGib, fabric);
}

std::string gpu_table(const record::Record& record) {
  std::string rows;
  for (const topology::Rack& rack : record.topology.racks) {
    for (const topology::Node& node : rack.nodes) {
      for (const topology::Gpu& gpu : node.gpus) {
        rows += gpu_row(node, gpu);
      }
    }
  }
  const Summary summary = summarise(record);
  return fmt::format(
      "<details{}><summary>{}</summary><div class=\"scroll\"><table><thead><tr><th class=\"n\">Rank"
      "</th><th>Node</th><th class=\"n\">GPU</th><th>Name</th><th>Serial</th><th>UUID</th><th>PCI"
      "</th><th class=\"n\">Module</th><th class=\"n\">CC</th><th class=\"n\">SMs</th><th "
      "class=\"n\">"
      "Memory, GiB</th><th>Fabric</th></tr></thead>\n<tbody>\n{}</tbody></table></div></details>\n",
      summary.gpus <= kGpusUnfolded ? " open" : "", extent(summary), rows);
}

}  // namespace

std::string environment_section(const record::Record& record) {
  return fmt::format(
      "<section id=\"environment\"><h2>Environment</h2>\n<div class=\"columns\"><div "
      "class=\"scroll\">"
      "{}</div><div class=\"scroll\">{}</div></div>\n{}</section>\n",
      run_facts(record), software_facts(record.software), gpu_table(record));
}

}  // namespace rackproof::harness::report
