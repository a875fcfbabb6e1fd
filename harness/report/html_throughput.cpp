#include "harness/record/names.hpp"
#include "harness/record/statistics.hpp"
#include "harness/report/format.hpp"
#include "harness/report/html_sections.hpp"
#include "harness/report/html_text.hpp"
#include "harness/report/summary.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace rackproof::harness::report {
namespace {

constexpr double kBarWidth = 150;

/// The GPUs' median as a bar against `full`, their minimum and maximum as a line over its end.
std::string bar(const record::Aggregate& rate, double full, const std::string& label) {
  const auto x = [&](double value) { return std::clamp(value / full, 0.0, 1.0) * kBarWidth; };
  return fmt::format(
      R"(<svg width="{0}" height="14" viewBox="0 0 {0} 14" role="img" aria-label="{1}"><title>{1}</title>)"
      R"(<rect class="track" x="0" y="3" width="{0}" height="8" rx="2"/>)"
      R"(<rect class="bar" x="0" y="3" width="{2:.1f}" height="8" rx="2"/>)"
      R"(<path class="range" d="M{3:.1f} 1v12M{3:.1f} 7H{4:.1f}M{4:.1f} 1v12"/></svg>)",
      kBarWidth, escape(label), x(rate.median), x(rate.min), x(rate.max));
}

/// Name, variant, cache and reason of the size: what the figures of the row are about.
std::string name_cell(const record::Benchmark& benchmark) {
  std::string html = fmt::format(R"(<td><span class="name">{}</span>)", breakable(benchmark.name));
  std::string detail;
  if (benchmark.variant) {
    detail = *benchmark.variant + ", ";
  }
  if (benchmark.cache != record::CacheState::not_applicable) {
    detail += fmt::format("{} L2, ", record::name_of(benchmark.cache));
  }
  detail += benchmark.size_reason;
  return html + fmt::format(R"(<br><span class="soft small">{}</span></td>)", escape(detail));
}

std::string verified_cell(const record::Benchmark& benchmark) {
  const VerificationCount counted = count_verified(benchmark);
  const bool all = counted.verified == benchmark.gpus.size() && counted.verified > 0;
  const std::string_view kind = counted.wrong > 0 ? "bad" : all ? "ok" : "";
  return fmt::format(R"(<td><span class="badge {}" title="{}">{} of {}</span></td>)", kind,
                     escape(counted.note), counted.verified, benchmark.gpus.size());
}

/// Over the sums of all nodes or racks: one figure, or the range of several.
template <typename Results>
std::string sums_cell(const Results& results) {
  std::vector<double> sums;
  for (const auto& result : results) {
    if (!result.throughput) {
      return fmt::format(R"(<td class="n">{}</td>)", missing(result.throughput.reason()));
    }
    if (!result.throughput->sum) {
      return fmt::format(R"(<td class="n">{}</td>)", missing(result.throughput->sum.reason()));
    }
    sums.push_back(*result.throughput->sum);
  }
  if (sums.empty()) {
    return R"(<td class="n">&ndash;</td>)";
  }
  const record::Range range = record::range(sums);
  if (range.min == range.max) {
    return fmt::format(R"(<td class="n">{}</td>)", figure(range.median));
  }
  return fmt::format(R"(<td class="n">{}<br><span class="soft small">{} &ndash; {}</span></td>)",
                     figure(range.median), figure(range.min), figure(range.max));
}

std::string times_cell(const record::Benchmark& benchmark) {
  std::vector<double> medians;
  for (const record::GpuResult& gpu : benchmark.gpus) {
    if (gpu.time_s) {
      medians.push_back(gpu.time_s->median);
    }
  }
  return fmt::format(R"(<td class="n">{}</td>)", medians.empty()
                                                     ? std::string("&ndash;")
                                                     : html_duration(record::median(medians)));
}

std::string attainment_cell(const record::Benchmark& benchmark) {
  if (!benchmark.roofline) {
    return fmt::format(R"(<td class="n">{}</td>)", missing(benchmark.roofline.reason()));
  }
  const record::Roofline& roofline = *benchmark.roofline;
  if (!roofline.attainment) {
    return fmt::format(R"(<td class="n">{}</td>)", missing(roofline.attainment.reason()));
  }
  return fmt::format(
      R"(<td class="n" title="{}">{}<br><span class="soft small">of {}, {}</span></td>)",
      escape(roofline.source), percentage(roofline.attainment->median),
      figure(roofline.peak, roofline.unit), roofline.limiter);
}

std::string baseline_cell(const record::Benchmark& benchmark) {
  if (!benchmark.baseline) {
    return fmt::format(R"(<td class="n">{}</td>)", missing(benchmark.baseline.reason()));
  }
  return fmt::format(R"(<td class="n">{}<br><span class="soft small">{}</span></td>)",
                     percentage(benchmark.baseline->ratio), escape(benchmark.baseline->library));
}

/// What the rows of one table share.
struct TableShape {
  double highest_rate = 1;  ///< full bar where there is no roofline
  bool baseline = false;    ///< there is a column for the library's figure
};

std::string row(const record::Benchmark& benchmark, const TableShape& shape) {
  const auto rate = per_gpu(benchmark);
  std::string html = "<tr>" + name_cell(benchmark);
  if (benchmark.status == record::Status::not_run || (!rate && benchmark.gpus.empty())) {
    return html + fmt::format(
                      "<td colspan=\"{}\" class=\"soft\"><span class=\"badge\">{}</span> {}</td>"
                      "</tr>\n",
                      shape.baseline ? 8 : 7, status_words(benchmark.status),
                      escape(benchmark.status_reason));
  }
  html += verified_cell(benchmark);
  if (rate) {
    const double full = benchmark.roofline ? benchmark.roofline->peak : shape.highest_rate;
    const std::string spread = fmt::format("{} to {} {}, median {}", figure(rate->min),
                                           figure(rate->max), rate->unit, figure(rate->median));
    html += fmt::format(
        R"(<td class="n">{} <span class="soft">{}</span><br><span class="soft small">{} &ndash; {}</span></td><td>{}</td>)",
        figure(rate->median), rate->unit, figure(rate->min), figure(rate->max),
        benchmark.better == record::Better::higher ? bar(*rate, full, spread)
                                                   : "<span class=\"soft\">lower is better</span>");
  } else {
    html +=
        fmt::format("<td colspan=\"2\" class=\"small\">no figure: {}</td>", escape(rate.reason()));
  }
  return html + sums_cell(benchmark.nodes) + sums_cell(benchmark.racks) +
         attainment_cell(benchmark) + (shape.baseline ? baseline_cell(benchmark) : "") +
         times_cell(benchmark) + "</tr>\n";
}

std::string table(const OperationGroup& group) {
  TableShape shape;
  for (const record::Benchmark* benchmark : group.benchmarks) {
    const auto rate = per_gpu(*benchmark);
    if (rate && benchmark->better == record::Better::higher) {
      shape.highest_rate = std::max(shape.highest_rate, rate->max);
    }
    shape.baseline = shape.baseline || benchmark->baseline.value().has_value();
  }
  std::string html = fmt::format(
      "<h3><code>{}</code></h3>\n<div class=\"scroll\"><table>\n<thead><tr><th>Benchmark</th>"
      "<th>Verified</th><th class=\"n\">Per GPU<br>median, min &ndash; max</th><th>Against the "
      "bound</th><th class=\"n\">Per node</th><th class=\"n\">Per rack</th><th class=\"n\">"
      "Attainment</th>{}<th class=\"n\">Median<br>time</th></tr></thead>\n<tbody>\n",
      escape(group.operation), shape.baseline ? "<th class=\"n\">Of library</th>" : "");
  for (const record::Benchmark* benchmark : group.benchmarks) {
    html += row(*benchmark, shape);
  }
  html += "</tbody></table></div>\n";
  if (!shape.baseline) {
    html += fmt::format("<p class=\"soft small\">No library to compare with: {}.</p>\n",
                        escape(group.benchmarks.front()->baseline.reason()));
  }
  return html;
}

}  // namespace

std::string throughput_section(const record::Record& record) {
  std::string tables;
  for (const OperationGroup& group : by_operation(record)) {
    const bool collective = std::ranges::any_of(
        group.benchmarks,
        [](const record::Benchmark* benchmark) { return !benchmark->communicators.empty(); });
    if (!collective) {
      tables += table(group);
    }
  }
  if (tables.empty()) {
    return {};
  }
  return fmt::format(
      "<section id=\"throughput\"><h2>Throughput {}</h2>\n<p>Rates of every GPU, summed per node "
      "and "
      "per rack. The bar is the GPUs' median against the datasheet bound of the roofline, the line "
      "on its end their minimum and maximum.</p>\n{}</section>\n",
      basis_badge(record.run.basis()), tables);
}

}  // namespace rackproof::harness::report
