#include "harness/record/statistics.hpp"
#include "harness/report/format.hpp"
#include "harness/report/html_curve.hpp"
#include "harness/report/html_sections.hpp"
#include "harness/report/html_text.hpp"
#include "harness/report/summary.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace rackproof::harness::report {
namespace {

/// What stays the same along a curve: all of the name but the size.
std::string series_name(const record::Benchmark& benchmark,
                        const record::CommunicatorResult& communicator) {
  const std::string name = without_size(benchmark.name);
  return scopes_of(benchmark).size() == 1 ? name : name + ", " + communicator.scope;
}

/// One point per size: the slowest of the communicators that ran side by side.
std::vector<CurveSeries> all_series(const record::Record& record) {
  std::vector<CurveSeries> series;
  for (const record::Benchmark& benchmark : record.benchmarks) {
    for (const record::CommunicatorResult& communicator : benchmark.communicators) {
      if (!communicator.busbw || communicator.bytes == 0) {
        continue;
      }
      const std::string name = series_name(benchmark, communicator);
      auto found = std::ranges::find(series, name, &CurveSeries::name);
      if (found == series.end()) {
        series.push_back({name, communicator.placement == "in_place", {}});
        found = std::prev(series.end());
      }
      const CurvePoint point{communicator.bytes, communicator.busbw->value};
      auto same = std::ranges::find(found->points, point.bytes, &CurvePoint::bytes);
      if (same == found->points.end()) {
        found->points.push_back(point);
      } else {
        same->gb_per_s = std::min(same->gb_per_s, point.gb_per_s);
      }
    }
  }
  for (CurveSeries& one : series) {
    std::ranges::sort(one.points, {}, &CurvePoint::bytes);
  }
  return series;
}

/// What a set of communicators of one benchmark and scope is called: "all 72", "18 x 4 (node)".
std::string communicators_words(const record::Benchmark& benchmark, const std::string& scope) {
  std::size_t communicators = 0;
  std::size_t ranks = 0;
  for (const record::CommunicatorResult& communicator : benchmark.communicators) {
    if (communicator.scope == scope) {
      ++communicators;
      ranks = communicator.ranks.size();
    }
  }
  return communicators == 1 ? fmt::format("{}, {}", scope, count(ranks, "rank"))
                            : fmt::format("{} &times; {}", communicators, scope);
}

std::string verified_badge(const record::CommunicatorResult& communicator) {
  if (!communicator.verified) {
    return missing(communicator.verified.reason());
  }
  if (*communicator.verified) {
    return R"(<span class="badge ok">exact</span>)";
  }
  return fmt::format(R"(<span class="badge bad">{}</span>)",
                     communicator.wrong_elements
                         ? count(*communicator.wrong_elements, "wrong element")
                         : std::string("wrong"));
}

std::string row(const record::Benchmark& benchmark, const std::string& scope) {
  const record::CommunicatorResult& shown = telling_communicator(benchmark, scope);
  const std::string wire = shown.wire
                               ? fmt::format("<span title=\"{}\">{}</span>",
                                             escape(shown.wire_model), figure(shown.wire->value))
                               : missing(shown.wire.reason());
  return fmt::format(
      "<tr><td><span class=\"name\">{}</span></td><td>{}</td><td class=\"n\">{}</td><td "
      "class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
      "<td>{}</td></tr>\n",
      breakable(benchmark.name), communicators_words(benchmark, scope), size(shown.bytes),
      shown.time_s ? html_duration(shown.time_s->median) : missing(shown.time_s.reason()),
      figure_or_missing(shown.algbw), figure_or_missing(shown.busbw), wire, verified_badge(shown));
}

}  // namespace

std::string collectives_section(const record::Record& record) {
  std::string rows;
  for (const record::Benchmark& benchmark : record.benchmarks) {
    for (const std::string& scope : scopes_of(benchmark)) {
      rows += row(benchmark, scope);
    }
  }
  if (rows.empty()) {
    return {};
  }
  return fmt::format(
      "<section id=\"collectives\"><h2>Collectives {}</h2>\n<p>Bus bandwidth over message size. "
      "The "
      "time is that of the slowest rank; where several communicators ran side by side, the slowest "
      "is shown. <em>wire</em> is what each GPU sends over its links when the switch reduces.</p>\n"
      "{}<details open><summary>All sizes as a table</summary><div "
      "class=\"scroll\"><table><thead><tr>"
      "<th>Collective</th><th>Communicator</th><th class=\"n\">Size</th><th class=\"n\">Median time"
      "</th><th class=\"n\">algbw, GB/s</th><th class=\"n\">busbw, GB/s</th><th class=\"n\">wire, "
      "GB/s</th><th>Verified</th></tr></thead>\n<tbody>\n{}</tbody></table></div></details>"
      "</section>\n",
      basis_badge(record.run.basis()), bandwidth_curve(all_series(record)), rows);
}

}  // namespace rackproof::harness::report
