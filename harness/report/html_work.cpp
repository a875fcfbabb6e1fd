#include "harness/report/html_sections.hpp"
#include "harness/report/html_text.hpp"
#include "harness/report/summary.hpp"

#include <fmt/format.h>

namespace rackproof::harness::report {
namespace {

/// The first GPU's counts; all GPUs run the same problem, on data of their own.
const record::GpuResult* first_counted(const record::Benchmark& benchmark) {
  for (const record::GpuResult& gpu : benchmark.gpus) {
    if (gpu.work_counts) {
      return &gpu;
    }
  }
  return nullptr;
}

std::string ratio(double value, double minimum) {
  return minimum > 0 ? fmt::format("{:.3f}", value / minimum) : "&ndash;";
}

std::string cell(const std::string& text) {
  return fmt::format(R"(<td class="n">{}</td>)", text);
}

template <typename Integer>
std::string whole(Integer value) {
  return cell(fmt::format("{}", value));
}

std::string row(const record::Benchmark& benchmark, const record::GpuResult& gpu) {
  const record::WorkCounts& counts = *gpu.work_counts;
  const double flops = counts.tensor_flops > 0 ? counts.tensor_flops : counts.fp32_flops;
  std::string html = fmt::format("<tr><td>{}</td>", breakable(benchmark.name));
  html += whole(counts.warp_instructions) + whole(counts.matrix_instructions);
  html += cell(ratio(flops, benchmark.work.flops));
  html += cell(ratio(static_cast<double>(counts.unique_global_bytes), benchmark.work.bytes));
  html += whole(counts.global_sectors - counts.global_sectors_minimum);
  html += whole(counts.shared_wavefronts - counts.shared_wavefronts_minimum);
  html += whole(counts.barrier_waits);
  if (gpu.resources) {
    html += whole(gpu.resources->registers_per_thread);
    return html + whole(gpu.resources->spill_bytes_per_thread) + "</tr>\n";
  }
  return html +
         fmt::format(R"(<td class="n" colspan="2">{}</td></tr>)", missing(gpu.resources.reason()));
}

}  // namespace

std::string work_section(const record::Record& record) {
  std::string rows;
  for (const record::Benchmark& benchmark : record.benchmarks) {
    if (const record::GpuResult* const gpu = first_counted(benchmark)) {
      rows += row(benchmark, *gpu);
    }
  }
  if (rows.empty()) {
    return {};
  }
  return "<section id=\"work\"><h2>Work counts</h2>\n<p>What one execution made a GPU do, counted "
         "exactly. Flops and touched bytes are over the minimum of the problem; sectors and bank "
         "conflicts are those beyond what the same accesses need.</p>\n<div class=\"scroll\">"
         "<table>\n<thead><tr><th>Benchmark</th><th class=\"n\">Warp<br>instructions</th>"
         "<th class=\"n\">Matrix<br>instructions</th><th class=\"n\">Flops</th>"
         "<th class=\"n\">Touched<br>bytes</th><th class=\"n\">Excess<br>sectors</th>"
         "<th class=\"n\">Bank<br>conflicts</th><th class=\"n\">Barrier<br>waits</th>"
         "<th class=\"n\">Registers</th><th class=\"n\">Spilled<br>bytes</th></tr></thead>\n"
         "<tbody>\n" +
         rows + "</tbody></table></div></section>\n";
}

}  // namespace rackproof::harness::report
