#include "harness/report/format.hpp"
#include "harness/report/html_rack_picture.hpp"
#include "harness/report/html_sections.hpp"
#include "harness/report/html_text.hpp"
#include "harness/report/summary.hpp"

#include <fmt/format.h>

namespace rackproof::harness::report {
namespace {

/// Pictures of nodes with more GPUs need wider cards.
constexpr std::size_t kNarrowRow = 4;

/// The benchmark that loads the GPUs most: the colours of an operation come from this one. Null
/// where no GPU has an attainment.
const record::Benchmark* most_telling(const OperationGroup& group) {
  const record::Benchmark* best = nullptr;
  double highest = -1;
  for (const record::Benchmark* benchmark : group.benchmarks) {
    for (const record::GpuResult& gpu : benchmark->gpus) {
      if (benchmark->roofline && gpu.attainment && *gpu.attainment > highest) {
        highest = *gpu.attainment;
        best = benchmark;
      }
    }
  }
  return best;
}

std::string caption(const record::Benchmark& benchmark) {
  const record::Roofline& roofline = *benchmark.roofline;
  std::string text = fmt::format("{}<br>of {} ({})", breakable(benchmark.name),
                                 figure(roofline.peak, roofline.unit), roofline.limiter);
  if (roofline.attainment) {
    text +=
        fmt::format("<br>{} to {}, median {}", percentage(roofline.attainment->min),
                    percentage(roofline.attainment->max), percentage(roofline.attainment->median));
  }
  return text;
}

std::string legend_entry(std::string_view mark, std::string_view meaning) {
  return fmt::format(
      R"(<span><svg width="16" height="12"><rect class="{}" x="1.5" y="1.5" width="13" height="9" rx="2"/></svg>{}</span>)",
      mark, meaning);
}

std::string legend() {
  std::string html =
      R"(<div class="legend" aria-label="Legend"><span>Attainment, % of peak:</span>)";
  constexpr int kStepPercent = 100 / kAttainmentSteps;
  for (int step = 0; step < kAttainmentSteps; ++step) {
    const int from = step * kStepPercent;
    html += legend_entry(fmt::format("g{}", step),
                         step + 1 == kAttainmentSteps
                             ? fmt::format("{} and more", from)
                             : fmt::format("{}&ndash;{}", from, from + kStepPercent));
  }
  return html + legend_entry("ring", "slowest, where GPUs differ") +
         legend_entry("wrong", "wrong result") + legend_entry("nofigure", "no figure") +
         legend_entry("absent", "not in this run") + "</div>\n";
}

}  // namespace

std::string rack_section(const record::Record& record) {
  std::vector<PictureSubject> subjects;
  for (const OperationGroup& group : by_operation(record)) {
    if (const record::Benchmark* const benchmark = most_telling(group)) {
      subjects.push_back({group, benchmark});
    }
  }
  if (subjects.empty()) {
    return {};
  }
  std::string html = fmt::format(
      "<section id=\"racks\"><h2>Racks {}</h2>\n<p>One picture per operation, each cell a GPU, "
      "each "
      "row a tray. Of every operation the benchmark with the highest attainment is shown, and "
      "wrong results of all; point at a cell for its figures and serial number.</p>\n{}",
      basis_badge(record.run.basis()), legend());
  for (const topology::Rack& rack : record.topology.racks) {
    html += fmt::format("<h3>{} <span class=\"soft\">{}</span></h3>\n<div class=\"cards{}\">\n",
                        rack_label(record, rack.id), escape(rack.id),
                        gpus_in_a_row(record, rack) > kNarrowRow ? " broad" : "");
    for (const PictureSubject& subject : subjects) {
      html += fmt::format(
          "<div class=\"card\"><h4>{}</h4><figure>{}<figcaption>{}</figcaption></figure></div>\n",
          escape(subject.benchmark->operation), rack_picture(record, rack, subject),
          caption(*subject.benchmark));
    }
    html += "</div>\n";
  }
  return html + "</section>\n";
}

}  // namespace rackproof::harness::report
