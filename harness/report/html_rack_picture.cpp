#include "harness/report/html_rack_picture.hpp"

#include "harness/record/names.hpp"
#include "harness/report/format.hpp"
#include "harness/report/html_text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace rackproof::harness::report {
namespace {

// One GPU is a cell; the pitch includes the gap.
constexpr int kCellWidth = 34;
constexpr int kCellHeight = 17;
constexpr int kPitchX = kCellWidth + 4;
constexpr int kPitchY = kCellHeight + 4;
constexpr int kLabelWidth = 46;
constexpr int kBaseline = kCellHeight - 5;

/// A GPU in the picture: what it is, what it gave, what is to be marked.
struct Cell {
  const topology::Node* node = nullptr;
  const topology::Gpu* gpu = nullptr;
  const record::GpuResult* result = nullptr;  ///< null where it gave none
  const record::Benchmark* wrong_in = nullptr;
  bool slowest = false;
};

const record::GpuResult* result_of(const record::Benchmark& benchmark, const record::GpuRef& gpu) {
  const auto found = std::ranges::find(benchmark.gpus, gpu, &record::GpuResult::gpu);
  return found == benchmark.gpus.end() ? nullptr : &*found;
}

/// The benchmark of the operation in which this GPU gave a wrong result; null where none did.
const record::Benchmark* wrong_benchmark(const OperationGroup& group, const record::GpuRef& gpu) {
  for (const record::Benchmark* benchmark : group.benchmarks) {
    const record::GpuResult* const result = result_of(*benchmark, gpu);
    if (result != nullptr && result->verification && !result->verification->passed) {
      return benchmark;
    }
  }
  return nullptr;
}

/// The slowest GPU of the rack, where GPUs differ at all.
const record::GpuResult* slowest_of(const record::Benchmark& benchmark, const std::string& rack) {
  const record::GpuResult* slowest = nullptr;
  bool differ = false;
  for (const record::GpuResult& gpu : benchmark.gpus) {
    if (gpu.gpu.rack != rack || !gpu.attainment) {
      continue;
    }
    differ = differ || (slowest != nullptr && *gpu.attainment != *slowest->attainment);
    if (slowest == nullptr || *gpu.attainment < *slowest->attainment) {
      slowest = &gpu;
    }
  }
  return differ ? slowest : nullptr;
}

/// Everything known of the cell's GPU, for whoever points at it.
std::string title(const Cell& cell, const record::Record& record,
                  const record::Benchmark& benchmark) {
  const topology::Gpu& gpu = *cell.gpu;
  std::string text =
      fmt::format("{}, GPU {} (rank {})\n{}\nserial {}\n{}\n", node_label(*cell.node), gpu.device,
                  gpu.rank, gpu.name, gpu.serial.value_or("unknown"), gpu.uuid);
  if (cell.wrong_in != nullptr) {
    text += "wrong result in " + cell.wrong_in->name + "\n";
  }
  if (cell.result == nullptr) {
    return text + "no result in " + benchmark.name;
  }
  const record::GpuResult& result = *cell.result;
  text += result.throughput ? figure(result.throughput->value, result.throughput->unit)
                            : "no figure: " + result.throughput.reason();
  if (result.attainment) {
    text += fmt::format(", {} of {}", percentage(*result.attainment),
                        figure(benchmark.roofline->peak, benchmark.roofline->unit));
  }
  text += fmt::format(" ({})\n", record::name_of(record.run.basis()));
  text += !result.verification          ? "not verified: " + result.verification.reason()
          : result.verification->passed ? "result verified"
                                        : "result wrong";
  return text;
}

std::string draw(const Cell& cell, int x, int y, const std::string& cell_title) {
  const std::string box =
      fmt::format(R"(x="{}" y="{}" width="{}" height="{}" rx="3")", x, y, kCellWidth, kCellHeight);
  const auto filled = [&](const std::string& shape, const std::string& text_class,
                          const std::string& text) {
    return fmt::format(R"(<rect class="{}" {}/><text class="t {}" x="{}" y="{}">{}</text>)", shape,
                       box, text_class, x + kCellWidth / 2, y + kBaseline, text);
  };
  std::string shape;
  if (cell.wrong_in != nullptr) {
    shape = filled("wrong", "wrongtext", "wrong");
  } else if (cell.result == nullptr || !cell.result->attainment) {
    shape = filled("nofigure", "", "&ndash;");
  } else {
    const double attainment = *cell.result->attainment;
    const int step =
        std::clamp(static_cast<int>(attainment * kAttainmentSteps), 0, kAttainmentSteps - 1);
    const int decimals = attainment < 0.01 ? 2 : attainment < 0.1 ? 1 : 0;
    shape = filled(fmt::format("g{}", step), fmt::format("t{}", step),
                   fmt::format("{:.{}f}", attainment * 100, decimals));
  }
  shape += cell.slowest ? fmt::format(R"(<rect class="ring" {}/>)", box) : "";
  return fmt::format("<g><title>{}</title>{}</g>\n", escape(cell_title), shape);
}

/// The rows from the top: a present node, or null for a tray that did not take part. Where a tray
/// index is missing (boxes that are no trays) or beyond the rack model, only the nodes that are
/// there, in the order of the record.
std::vector<const topology::Node*> rows_of(const record::Record& record,
                                           const topology::Rack& rack) {
  const int slots = record.rack_model ? record.rack_model->nodes : 0;
  const bool placed = std::ranges::all_of(rack.nodes, [&](const topology::Node& node) {
    return node.tray_index && *node.tray_index >= 0 && *node.tray_index < slots;
  });
  std::vector<const topology::Node*> rows(
      placed ? static_cast<std::size_t>(slots) : rack.nodes.size(), nullptr);
  for (std::size_t n = 0; n < rack.nodes.size(); ++n) {
    const topology::Node& node = rack.nodes[n];
    rows[placed ? static_cast<std::size_t>(*node.tray_index) : n] = &node;
  }
  return rows;
}

}  // namespace

std::size_t gpus_in_a_row(const record::Record& record, const topology::Rack& rack) {
  std::size_t columns =
      record.rack_model ? static_cast<std::size_t>(record.rack_model->gpus_per_node) : 1;
  for (const topology::Node& node : rack.nodes) {
    columns = std::max(columns, node.gpus.size());
  }
  return columns;
}

std::string rack_picture(const record::Record& record, const topology::Rack& rack,
                         const PictureSubject& subject) {
  const record::Benchmark& benchmark = *subject.benchmark;
  const std::vector<const topology::Node*> rows = rows_of(record, rack);
  const std::size_t columns = gpus_in_a_row(record, rack);
  const record::GpuResult* const slowest = slowest_of(benchmark, rack.id);
  std::string svg = fmt::format(
      R"(<svg width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img" aria-label="{2}: attainment of each GPU, by tray">)"
      "\n",
      kLabelWidth + static_cast<int>(columns) * kPitchX,
      static_cast<int>(rows.size()) * kPitchY + 2, escape(benchmark.name));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const int y = static_cast<int>(row) * kPitchY + 1;
    const topology::Node* const node = rows[row];
    svg += fmt::format(R"(<text x="0" y="{}">{} {}</text>)", y + kBaseline,
                       node != nullptr && !node->tray_index ? "node" : "tray", row);
    for (std::size_t column = 0; column < columns; ++column) {
      const int x = kLabelWidth + static_cast<int>(column) * kPitchX;
      if (node == nullptr || column >= node->gpus.size()) {
        svg +=
            fmt::format(R"(<rect class="absent" x="{}.5" y="{}.5" width="{}" height="{}" rx="3"/>)",
                        x, y, kCellWidth - 1, kCellHeight - 1);
        continue;
      }
      const topology::Gpu& gpu = node->gpus[column];
      const record::GpuRef ref{rack.id, node->id, gpu.device, gpu.rank};
      Cell cell{node, &gpu, result_of(benchmark, ref), wrong_benchmark(subject.group, ref), false};
      cell.slowest = cell.result != nullptr && cell.result == slowest && cell.wrong_in == nullptr;
      svg += draw(cell, x, y, title(cell, record, benchmark));
    }
  }
  return svg + "</svg>";
}

}  // namespace rackproof::harness::report
