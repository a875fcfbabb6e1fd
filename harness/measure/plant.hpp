#pragma once
/// A planted wrong element: the self-test of the verifiers.

#include <cuda_runtime_api.h>

#include <cstdint>
#include <optional>
#include <regex>
#include <string>

namespace rackproof::harness::measure {

/// Which results to corrupt: benchmarks by name, on one rank or on all.
class Plant {
 public:
  /// "REGEX" or "REGEX@RANK". Throws config::ConfigError for a malformed one.
  static Plant parse(const std::string& text);

  [[nodiscard]] bool applies(const std::string& benchmark, int rank) const;

 private:
  std::regex benchmark_;
  std::optional<int> rank_;
};

/// Index of the element that is corrupted: the middle one, which no edge case hides.
[[nodiscard]] std::uint64_t planted_index(std::uint64_t elements);

/// Changes one element of device memory so that it is wrong in every number format: the top
/// exponent (or the second-highest integer) bit is inverted. Synchronises.
void plant_wrong_element(void* data, std::uint64_t elements, std::uint32_t element_bytes,
                         cudaStream_t stream);

}  // namespace rackproof::harness::measure
