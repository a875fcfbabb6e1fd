#include "kernels/memory/memory_reference.hpp"

#include "kernels/common/error_bound.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace rackproof::kernels::memory {
namespace {

/// |actual - expected| in units of the bound; anything that is not a number is as wrong as can be.
double error_of(Pattern pattern, float actual, double expected) {
  if (pattern == Pattern::copy) {
    return std::bit_cast<std::uint32_t>(actual) ==
                   std::bit_cast<std::uint32_t>(static_cast<float>(expected))
               ? 0
               : std::numeric_limits<double>::max();
  }
  if (!std::isfinite(actual)) {
    return std::numeric_limits<double>::max();
  }
  // float64 itself is off by 2^-53, far below the slack that rounding the bound up gives.
  constexpr double kSlack = 1 + 0x1p-20;
  return std::fabs(static_cast<double>(actual) - expected) /
         (kSlack * rounding_bound(ElementType::fp32, expected));
}

void note(Verification& result, double error, std::uint64_t index, double expected, double actual) {
  ++result.checked_elements;
  result.max_error = std::max(result.max_error, error);
  if (error <= result.tolerance) {
    return;
  }
  ++result.wrong_elements;
  if (!result.first_wrong) {
    result.first_wrong = WrongElement{.index = index,
                                      .coordinate = "element " + std::to_string(index),
                                      .expected = expected,
                                      .actual = actual};
  }
}

}  // namespace

void StreamComparison::compare(std::uint64_t first, std::span<const float> a,
                               std::span<const float> b, std::span<const float> c) {
  result_.tolerance = problem_.pattern() == Pattern::copy ? 0 : 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    double expected = static_cast<double>(b[i]);
    if (problem_.pattern() == Pattern::triad) {
      expected += static_cast<double>(kTriadScalar) * static_cast<double>(c[i]);
    }
    note(result_, error_of(problem_.pattern(), a[i], expected), first + i, expected,
         static_cast<double>(a[i]));
  }
}

Verification StreamComparison::finish() const {
  Verification result = result_;
  result.total_elements = problem_.array_bytes() / sizeof(float);
  result.passed = result.wrong_elements == 0 && result.checked_elements == result.total_elements;
  result.measure = problem_.pattern() == Pattern::copy
                       ? "bits that differ from the source: none are allowed"
                       : "largest |actual - float64 reference| / (2^-24 |reference|): one rounding "
                         "of a fused multiply-add; every element compared";
  return result;
}

void ReadComparison::add(std::uint64_t first, std::span<const std::uint32_t> words) {
  constexpr std::uint64_t kWordsPerVector = 4;
  const std::uint64_t grid_threads = threads_ * expected_.size();
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::uint64_t vector = (first + i) / kWordsPerVector;
    expected_[vector % grid_threads / threads_] += words[i];
  }
}

Verification ReadComparison::finish(std::span<const std::uint32_t> partials) const {
  Verification result;
  for (std::size_t block = 0; block < expected_.size(); ++block) {
    const auto expected = static_cast<double>(expected_[block]);
    const auto actual = static_cast<double>(partials[block]);
    note(result, std::fabs(actual - expected), block, expected, actual);
  }
  result.total_elements = expected_.size();
  result.passed = result.wrong_elements == 0;
  result.measure =
      "difference of every block's sum of 32-bit patterns modulo 2^32, exact in any order";
  return result;
}

}  // namespace rackproof::kernels::memory
