#include "harness/report/html.hpp"

#include "harness/record/atomic_file.hpp"
#include "harness/report/format.hpp"
#include "harness/report/html_sections.hpp"
#include "harness/report/html_text.hpp"
#include "harness/report/summary.hpp"

#include <fmt/format.h>

namespace rackproof::harness::report {
namespace {

std::string model_name(const record::Record& record) {
  return record.rack_model ? record.rack_model->id : std::string("unknown rack model");
}

std::string header(const record::Record& record, const Summary& summary) {
  const record::Run& run = record.run;
  std::string html = fmt::format(
      "<header><div class=\"over\">Rackproof report</div>\n<h1>{} {}</h1>\n<div class=\"soft\">{} "
      "&middot; suite {} &middot; {} &middot; run {}</div>\n",
      escape(model_name(record)), basis_badge(run.basis()), extent(summary), escape(run.suite),
      escape(run.started_at), escape(run.id));
  html +=
      "<nav aria-label=\"Sections\"><a href=\"#racks\">Racks</a><a href=\"#throughput\">Throughput"
      "</a><a href=\"#collectives\">Collectives</a><a href=\"#verification\">Verification</a><a "
      "href=\"#environment\">Environment</a><a href=\"#reading\">How to read this</a></nav>"
      "</header>\n";
  return html;
}

std::string banners(const record::Record& record) {
  std::string html;
  if (record.run.basis() == record::Basis::modelled) {
    html += fmt::format(
        "<div class=\"banner\" role=\"note\"><strong>{}</strong>The run used the emulator, which "
        "executes the kernels on a CPU. Results, their verification and the counts of work hold; "
        "times, rates and attainment say nothing about the speed of a GPU.</div>\n",
        kModelledBanner);
  }
  std::string problems;
  for (const record::Benchmark& benchmark : record.benchmarks) {
    if (benchmark.status == record::Status::wrong || benchmark.status == record::Status::failed) {
      problems += fmt::format("<li><code>{}</code> {}: {}</li>\n", escape(benchmark.name),
                              status_words(benchmark.status), escape(benchmark.status_reason));
    }
  }
  if (!problems.empty()) {
    html += fmt::format(
        "<div class=\"banner bad\" role=\"alert\"><strong>Not everything is right:"
        "</strong><ul>\n{}</ul></div>\n",
        problems);
  }
  return html;
}

std::string tile(const std::string& figure_text, const std::string& meaning) {
  return fmt::format("<div class=\"tile\"><b>{}</b><span>{}</span></div>\n", figure_text, meaning);
}

/// The highest rate of each operation; the first figures that a reader looks for.
std::string best_tile(const OperationGroup& group) {
  const record::Benchmark* best = nullptr;
  double highest = 0;
  for (const record::Benchmark* benchmark : group.benchmarks) {
    const auto rate = per_gpu(*benchmark);
    if (rate && benchmark->better == record::Better::higher && rate->median > highest) {
      highest = rate->median;
      best = benchmark;
    }
  }
  if (best == nullptr) {
    return {};
  }
  const auto rate = per_gpu(*best);
  const std::string_view what = best->communicators.empty() ? "rate per GPU" : "busbw";
  return tile(fmt::format("{} <small>{}</small>", figure(rate->median), rate->unit),
              fmt::format("highest {} of <code>{}</code>:<br>{}", what, escape(group.operation),
                          breakable(best->name)));
}

std::string tiles(const record::Record& record, const Summary& summary) {
  std::string html = "<div class=\"tiles\">\n";
  html += tile(fmt::format("{} <small>of {}</small>", summary.verified, summary.results),
               "results verified against their reference");
  html += tile(std::to_string(record.benchmarks.size()), "benchmarks: " + outcomes(summary));
  for (const OperationGroup& group : by_operation(record)) {
    html += best_tile(group);
  }
  return html + "</div>\n";
}

std::string notes(const record::Record& record) {
  std::string items;
  for (const auto* list : {&record.topology.notes, &record.notes}) {
    for (const std::string& note : *list) {
      items += fmt::format("<li>{}</li>\n", escape(note));
    }
  }
  return items.empty()
             ? std::string()
             : fmt::format("<section id=\"notes\"><h2>Notes</h2><ul>\n{}</ul></section>\n", items);
}

constexpr std::string_view kReading = R"html(<section id="reading"><h2>How to read this</h2>
<dl>
<dt>measured, modelled</dt><dd>Measured figures come from a GPU's own clock. Modelled figures come
from the emulator's clock model; they are never compared with a floor and never called a pass.</dd>
<dt>TFLOP/s, TOP/s, GB/s</dt><dd>10<sup>12</sup> floating-point operations, as many of integers, and
10<sup>9</sup> bytes a second: the minimum of work of the problem over the median time, not what the kernel happened to do.</dd>
<dt>ns/access</dt><dd>A latency: the median time over accesses of which each waits for the one before
it. Lower is better, and nothing adds up.</dd>
<dt>per GPU, node, rack</dt><dd>A node's figure is the sum over its GPUs, a rack's the sum over its
nodes. Where one member has no figure there is no sum either: a dash, with the reason when pointed
at.</dd>
<dt>attainment</dt><dd>Rate over the lowest datasheet bound for that work: the dense peak of the
number format, or memory bandwidth times flops per byte. For a collective, what the links carry at
least, the smaller of busbw and wire, over the link rate.</dd>
<dt>algbw, busbw, wire</dt><dd>algbw is message size over time. busbw is algbw times the factor that
makes a ring's figure equal to its link load, 2(n&minus;1)/n for all-reduce. With reduction in the
switch a GPU sends only algbw (n+1)/n; so busbw may exceed what a link carries.</dd>
<dt>cold, warm L2</dt><dd>Cold: every execution reads inputs that are no longer in the cache. Warm:
they may be, and a rate may then exceed the bound of memory bandwidth.</dd>
<dt>verified</dt><dd>The output was compared with a float64 reference within a derived tolerance, or,
for a collective, with the exact result.</dd>
</dl></section>
)html";

}  // namespace

std::string to_html(const record::Record& record) {
  const Summary summary = summarise(record);
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">\n<meta "
      "http-equiv=\"Content-Security-Policy\" "
      "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>Rackproof: {}, "
      "{}</title>\n"
      "<style>",
      escape(model_name(record)), escape(record.run.started_at));
  html += style_sheet();
  html += "</style></head>\n<body><main>\n";
  html += header(record, summary) + banners(record) + tiles(record, summary);
  html += rack_section(record) + throughput_section(record) + collectives_section(record);
  html += verification_section(record) + work_section(record) + environment_section(record);
  html += notes(record);
  html += kReading;
  html += fmt::format(
      "<footer>Written by Rackproof {}. The record beside this file holds every "
      "sample.</footer>\n</main></body></html>\n",
      escape(record.run.build.version));
  return html;
}

void write_html(const record::Record& record, const std::filesystem::path& path) {
  record::write_file_atomically(path, to_html(record));
}

}  // namespace rackproof::harness::report
