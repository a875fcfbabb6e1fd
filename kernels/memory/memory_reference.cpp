#include "kernels/memory/memory_reference.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace rackproof::kernels::memory {
namespace {

double triad(float b, float c) {
  return static_cast<double>(b) + static_cast<double>(kTriadScalar) * static_cast<double>(c);
}

/// |actual - expected| in units of the bound of one rounding.
double triad_error(float actual, double expected) {
  // float64 itself is off by 2^-53, far below the slack that rounding the bound up gives.
  constexpr double kSlack = 1 + 0x1p-20;
  constexpr double kUnitRoundoff = 0x1p-24;
  constexpr double kSubnormalRoundoff = 0x1p-150;
  const double bound = kSlack * std::max(kUnitRoundoff * std::fabs(expected), kSubnormalRoundoff);
  return std::fabs(static_cast<double>(actual) - expected) / bound;
}

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
  return triad_error(actual, expected);
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

/// True if nothing in a piece is wrong; raises `max_error`. The fast path of verification, without
/// branches: arrays are a share of device memory.
bool piece_is_right(Pattern pattern, std::span<const float> a, std::span<const float> b,
                    std::span<const float> c, double& max_error) {
  if (pattern == Pattern::copy) {
    return std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
  }
  double worst = 0;
  bool right = true;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double error = triad_error(a[i], triad(b[i], c[i]));
    right = right && error <= 1;  // false for NaN
    worst = std::max(worst, error);
  }
  max_error = std::max(max_error, worst);
  return right;
}

}  // namespace

void StreamComparison::compare(std::uint64_t first, std::span<const float> a,
                               std::span<const float> b, std::span<const float> c) {
  const Pattern pattern = problem_.pattern();
  result_.tolerance = pattern == Pattern::copy ? 0 : 1;
  double max_error = result_.max_error;
  if (piece_is_right(pattern, a, b, c, max_error)) {
    result_.max_error = max_error;
    result_.checked_elements += a.size();
    return;
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double expected =
        pattern == Pattern::triad ? triad(b[i], c[i]) : static_cast<double>(b[i]);
    note(result_, error_of(pattern, a[i], expected), first + i, expected,
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
  const std::uint64_t words_per_block = threads_ * kWordsPerVector;
  // Neighbouring vectors up to a multiple of `threads_` belong to one block.
  for (std::uint64_t done = 0; done < words.size();) {
    const std::uint64_t position = first + done;
    const std::uint64_t run =
        std::min(words_per_block - position % words_per_block, words.size() - done);
    std::uint32_t& sum = expected_[position / words_per_block % expected_.size()];
    for (const std::uint32_t word : words.subspan(done, run)) {
      sum += word;
    }
    done += run;
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
