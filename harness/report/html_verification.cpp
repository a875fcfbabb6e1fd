#include "harness/report/format.hpp"
#include "harness/report/html_sections.hpp"
#include "harness/report/html_text.hpp"
#include "harness/report/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace rackproof::harness::report {
namespace {

/// A row of the table: one benchmark, or a collective with all its sizes.
struct Row {
  std::string name;
  std::size_t sizes = 0;
  std::size_t results = 0;
  VerificationCount counted;
  kernels::Verification furthest;  ///< of the GPU that is furthest from its reference
  bool compared = false;
};

/// Orders results from the right to the worst.
std::pair<bool, double> badness(const kernels::Verification& verification) {
  const double error = std::isnan(verification.max_error) ? std::numeric_limits<double>::infinity()
                                                          : verification.max_error;
  return {!verification.passed, error};
}

void add(Row& row, const record::Benchmark& benchmark) {
  const VerificationCount counted = count_verified(benchmark);
  ++row.sizes;
  row.results += benchmark.gpus.size();
  row.counted.verified += counted.verified;
  row.counted.wrong += counted.wrong;
  row.counted.unknown += counted.unknown;
  row.counted.note = row.counted.note.empty() ? counted.note : row.counted.note;
  for (const record::GpuResult& gpu : benchmark.gpus) {
    if (gpu.verification &&
        (!row.compared || badness(*gpu.verification) >= badness(row.furthest))) {
      row.furthest = *gpu.verification;
      row.compared = true;
    }
  }
}

std::string html_of(const Row& row) {
  const bool all = row.counted.verified == row.results;
  std::string html = fmt::format(
      R"(<tr><td><span class="name">{}</span>{}</td><td><span class="badge {}">{} of {}</span></td>)",
      breakable(row.name),
      row.sizes > 1 ? fmt::format(R"(<br><span class="soft small">{} sizes</span>)", row.sizes)
                    : "",
      row.counted.wrong > 0 ? "bad"
      : all                 ? "ok"
                            : "",
      row.counted.verified, row.results);
  if (!row.compared) {
    return html +
           fmt::format("<td colspan=\"4\" class=\"soft\">{}</td></tr>\n", escape(row.counted.note));
  }
  const kernels::Verification& furthest = row.furthest;
  return html +
         fmt::format(
             "<td class=\"n\">{} of {}</td><td class=\"n\">{}</td><td class=\"n\">{:.3g}</td><td "
             "class=\"soft small\">{}</td></tr>\n",
             furthest.checked_elements, furthest.total_elements,
             std::isfinite(furthest.max_error) ? fmt::format("{:.3g}", furthest.max_error)
                                               : std::string("not finite"),
             furthest.tolerance,
             escape(row.counted.wrong > 0 ? row.counted.note : furthest.measure));
}

}  // namespace

std::string verification_section(const record::Record& record) {
  std::vector<Row> rows;
  for (const record::Benchmark& benchmark : record.benchmarks) {
    if (benchmark.gpus.empty()) {
      continue;
    }
    const std::string name =
        benchmark.communicators.empty() ? benchmark.name : without_size(benchmark.name);
    auto row = std::ranges::find(rows, name, &Row::name);
    if (row == rows.end()) {
      rows.push_back({});
      row = std::prev(rows.end());
      row->name = name;
    }
    add(*row, benchmark);
  }
  if (rows.empty()) {
    return {};
  }
  std::string html =
      "<section id=\"verification\"><h2>Verification</h2>\n<p>Every timed configuration was "
      "compared "
      "with its reference in the same run. Elements, error and tolerance are those of the GPU that "
      "is furthest from the reference. This holds on the emulator as on a GPU.</p>\n<div "
      "class=\"scroll\"><table><thead><tr><th>Benchmark</th><th>Results verified</th><th "
      "class=\"n\">Elements compared</th><th class=\"n\">Largest error</th><th "
      "class=\"n\">Tolerance"
      "</th><th>Measure of the error</th></tr></thead>\n<tbody>\n";
  for (const Row& row : rows) {
    html += html_of(row);
  }
  return html + "</tbody></table></div></section>\n";
}

}  // namespace rackproof::harness::report
