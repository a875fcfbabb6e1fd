#include "harness/work/baseline.hpp"

#include "harness/config/json_reader.hpp"
#include "harness/record/atomic_file.hpp"
#include "harness/record/json_layout.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace rackproof::harness::work {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchemaVersion = "1.0";
/// Counts are exact: they are integers that a double holds.
constexpr double kMostCount = 9007199254740992.0;

kernels::Work read_minimum(config::ObjectReader reader) {
  kernels::Work minimum{.flops = reader.number("flops", 0, kMostCount),
                        .bytes = reader.number("bytes", 0, kMostCount),
                        .accesses = reader.number("accesses", 0, kMostCount)};
  reader.finish();
  return minimum;
}

BaselineEntry read_entry(config::ObjectReader reader) {
  BaselineEntry entry;
  entry.name = reader.text("name");
  entry.variant = reader.text("variant");
  entry.minimum = read_minimum(reader.object("minimum"));
  config::ObjectReader counts = reader.object("counts");
  for (const Metric& metric : metrics()) {
    entry.values.push_back(counts.number(metric.name, 0, kMostCount));
  }
  counts.finish();
  if (reader.has("accepted")) {
    config::ObjectReader accepted = reader.object("accepted");
    for (const char* rule : {"spill_bytes_per_thread", "bank_conflicts", "excess_sectors"}) {
      if (accepted.has(rule)) {
        entry.accepted[rule] = accepted.text(rule);
      }
    }
    accepted.finish();
  }
  reader.finish();
  return entry;
}

/// Whole numbers without a fraction.
Json exact(double value) {
  return static_cast<std::uint64_t>(value);
}

bool is_same(const kernels::Work& a, const kernels::Work& b) {
  return std::tie(a.flops, a.bytes, a.accesses) == std::tie(b.flops, b.bytes, b.accesses);
}

std::string difference(std::string_view metric, double before, double now) {
  const std::string change =
      before == 0 ? std::string() : fmt::format(" ({:+.3g} %)", 100 * (now - before) / before);
  return fmt::format("{} {:.0f} -> {:.0f}{}", metric, before, now, change);
}

Comparison compare_entry(const BaselineEntry& now, const BaselineEntry& before) {
  Comparison result{now.name, Verdict::equal, {}};
  if (now.variant != before.variant) {
    result.verdict = Verdict::changed;
    result.differences.push_back("variant " + before.variant + " -> " + now.variant);
  }
  if (!is_same(now.minimum, before.minimum)) {
    result.verdict = Verdict::changed;
    result.differences.push_back(fmt::format(
        "minimum of the problem {:.0f} flops, {:.0f} bytes, {:.0f} accesses -> {:.0f}, {:.0f}, "
        "{:.0f}",
        before.minimum.flops, before.minimum.bytes, before.minimum.accesses, now.minimum.flops,
        now.minimum.bytes, now.minimum.accesses));
  }
  for (std::size_t i = 0; i < metrics().size(); ++i) {
    if (now.values[i] == before.values[i]) {
      continue;
    }
    result.differences.push_back(difference(metrics()[i].name, before.values[i], now.values[i]));
    if (result.verdict != Verdict::changed) {
      const bool worse = now.values[i] > before.values[i] || result.verdict == Verdict::worse;
      result.verdict = worse ? Verdict::worse : Verdict::better;
    }
  }
  return result;
}

}  // namespace

BaselineEntry baseline_entry(const Entry& entry) {
  BaselineEntry result{entry.name, entry.variant, entry.minimum, {}, {}};
  for (const Metric& metric : metrics()) {
    result.values.push_back(metric.value(entry));
  }
  return result;
}

std::filesystem::path baseline_file(const std::filesystem::path& folder,
                                    const std::string& operation) {
  return folder / (operation + ".json");
}

Baseline read_baseline(const std::filesystem::path& file) {
  config::ObjectReader document = config::read_object(file);
  document.ignore({"$schema"});
  document.expect("schema_version", kSchemaVersion);
  Baseline baseline;
  baseline.operation = document.text("operation");
  baseline.rack = document.text("rack");
  baseline.cuda_compiler = document.text("cuda_compiler");
  for (const config::ObjectReader& problem : document.objects("problems")) {
    baseline.problems.push_back(read_entry(problem));
  }
  document.finish();
  return baseline;
}

void write_baseline(const Baseline& baseline, const std::filesystem::path& folder) {
  Json document;
  document["$schema"] = "../../../configs/schema/work.schema.json";
  document["schema_version"] = kSchemaVersion;
  document["operation"] = baseline.operation;
  document["rack"] = baseline.rack;
  document["cuda_compiler"] = baseline.cuda_compiler;
  document["problems"] = Json::array();
  for (const BaselineEntry& entry : baseline.problems) {
    Json problem;
    problem["name"] = entry.name;
    problem["variant"] = entry.variant;
    problem["minimum"] = {{"flops", exact(entry.minimum.flops)},
                          {"bytes", exact(entry.minimum.bytes)},
                          {"accesses", exact(entry.minimum.accesses)}};
    for (std::size_t i = 0; i < metrics().size(); ++i) {
      problem["counts"][std::string(metrics()[i].name)] = exact(entry.values.at(i));
    }
    for (const auto& [rule, reason] : entry.accepted) {
      problem["accepted"][rule] = reason;
    }
    document["problems"].push_back(std::move(problem));
  }
  record::write_file_atomically(baseline_file(folder, baseline.operation),
                                record::lay_out(document));
}

const char* to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::equal:
      return "equal";
    case Verdict::better:
      return "better";
    case Verdict::worse:
      return "worse";
    case Verdict::changed:
      return "changed";
    case Verdict::added:
      return "added";
    case Verdict::gone:
      return "gone";
  }
  return "unknown";
}

bool fails(Verdict verdict) {
  return verdict != Verdict::equal && verdict != Verdict::better;
}

std::vector<Comparison> compare(const std::vector<Entry>& entries,
                                const std::vector<BaselineEntry>& baseline) {
  std::vector<Comparison> comparisons;
  for (const Entry& entry : entries) {
    const auto before = std::ranges::find(baseline, entry.name, &BaselineEntry::name);
    comparisons.push_back(before == baseline.end()
                              ? Comparison{entry.name, Verdict::added, {"not in the baseline"}}
                              : compare_entry(baseline_entry(entry), *before));
  }
  for (const BaselineEntry& before : baseline) {
    if (std::ranges::find(entries, before.name, &Entry::name) == entries.end()) {
      comparisons.push_back({before.name, Verdict::gone, {"only in the baseline"}});
    }
  }
  return comparisons;
}

}  // namespace rackproof::harness::work
