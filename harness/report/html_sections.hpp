#pragma once
/// The sections of the HTML report, in the order of the page. Each returns HTML, or nothing where
/// the record has nothing to show.

#include "harness/record/record.hpp"

#include <string>
#include <string_view>

namespace rackproof::harness::report {

/// The style sheet: light, dark (prefers-color-scheme) and print.
[[nodiscard]] std::string_view style_sheet();

/// Every rack with all its places, the GPUs that took part coloured by attainment.
[[nodiscard]] std::string rack_section(const record::Record& record);

/// One table per operation: rates of GPUs, nodes and racks, with a bar against the roofline.
[[nodiscard]] std::string throughput_section(const record::Record& record);

/// Bus bandwidth over message size, and the figures as a table.
[[nodiscard]] std::string collectives_section(const record::Record& record);

/// How far results were from their references.
[[nodiscard]] std::string verification_section(const record::Record& record);

/// Counts of work of every kernel; nothing where the CUDA runtime does not count.
[[nodiscard]] std::string work_section(const record::Record& record);

/// What ran where: software, environment, every GPU.
[[nodiscard]] std::string environment_section(const record::Record& record);

}  // namespace rackproof::harness::report
