#pragma once
/// How figures look to people: few digits, named units, the same in every rendering.

#include "harness/record/record.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace rackproof::harness::report {

/// Four significant digits without exponent: "1846", "73.91", "0.01230".
[[nodiscard]] std::string figure(double value);
/// figure() and the unit: "1846 TFLOP/s".
[[nodiscard]] std::string figure(double value, std::string_view unit);
/// A fraction as a percentage with three significant digits: 0.739 -> "73.9 %".
[[nodiscard]] std::string percentage(double fraction);
/// Seconds with the unit that fits: "12.35 us", "3.100 ms"; below a second always in ASCII.
[[nodiscard]] std::string duration(double seconds);
/// Whole minutes and seconds for waiting people: "45 s", "3 min 05 s".
[[nodiscard]] std::string waiting_time(double seconds);
/// Binary multiples where they are exact: "8 B", "64 MiB", "1000 B".
[[nodiscard]] std::string size(std::uint64_t bytes);
/// "1 node", "18 nodes".
[[nodiscard]] std::string count(std::size_t n, std::string_view noun);
/// The place of a GPU in few characters: "CHASSIS000/tray3 GPU 2".
[[nodiscard]] std::string place(const record::GpuRef& gpu);

}  // namespace rackproof::harness::report
