#include "kernels/memory/memory_reference.hpp"

#include "kernels/memory/memory_kernel.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <type_traits>

namespace rackproof::kernels::memory {
namespace {

template <typename T>
auto bits_of(T value) {
  using Bits = std::conditional_t<sizeof(T) == sizeof(float), std::uint32_t, std::uint64_t>;
  return std::bit_cast<Bits>(value);
}

template <typename T>
T written_value(std::uint64_t index, std::uint32_t seed) {
  static_assert(sizeof(T) == sizeof(std::uint32_t));
  return std::bit_cast<T>(written_word(index, seed));
}

/// Only elements that are really there are read: `b` and `c` may be empty.
template <typename T>
T expected_value(Pattern pattern, std::uint64_t index, std::uint32_t seed, const T* b, const T* c) {
  const auto scalar = static_cast<T>(kScalar);
  switch (pattern) {
    case Pattern::copy:
      return *b;
    case Pattern::scale:
      return scalar * *b;
    case Pattern::add:
      return *b + *c;
    case Pattern::triad:
      return std::fma(scalar, *c, *b);
    case Pattern::write:
      if constexpr (sizeof(T) == sizeof(float)) {
        return written_value<T>(index, seed);
      }
      break;
    default:
      break;
  }
  throw std::invalid_argument("expected_value: the pattern writes no array of this type");
}

/// How far a value with other bits is off; above 0 in any case.
double error_of(double actual, double expected) {
  const double difference = std::fabs(actual - expected);
  return std::isfinite(difference) ? std::max(difference, std::numeric_limits<double>::min())
                                   : std::numeric_limits<double>::max();
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

template <typename T>
void StreamComparison::compare(std::uint64_t first, std::span<const T> a, std::span<const T> b,
                               std::span<const T> c) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    const T expected = expected_value(problem_.pattern(), first + i, seed_,
                                      b.empty() ? nullptr : &b[i], c.empty() ? nullptr : &c[i]);
    if (bits_of(a[i]) == bits_of(expected)) {
      ++result_.checked_elements;
      continue;
    }
    note(result_, error_of(static_cast<double>(a[i]), static_cast<double>(expected)), first + i,
         static_cast<double>(expected), static_cast<double>(a[i]));
  }
}
template void StreamComparison::compare(std::uint64_t, std::span<const float>,
                                        std::span<const float>, std::span<const float>);
template void StreamComparison::compare(std::uint64_t, std::span<const double>,
                                        std::span<const double>, std::span<const double>);

Verification StreamComparison::finish() const {
  Verification result = result_;
  result.total_elements = problem_.array_bytes() / element_bytes(problem_.shape().type);
  result.passed = result.wrong_elements == 0 && result.checked_elements == result.total_elements;
  result.measure =
      "largest difference from what IEEE 754 prescribes: one rounding, no bit may differ; every "
      "element compared";
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

Verification ReadComparison::finish(std::span<const std::uint32_t> partials,
                                    std::uint64_t rounds) const {
  Verification result;
  const std::size_t blocks = expected_.size();
  for (std::size_t block = 0; block < blocks; ++block) {
    std::uint32_t sum = 0;
    for (std::uint64_t round = 0; round < rounds; ++round) {
      sum += expected_[(block + round) % blocks];
    }
    const auto expected = static_cast<double>(sum);
    const auto actual = static_cast<double>(partials[block]);
    note(result, std::fabs(actual - expected), block, expected, actual);
  }
  result.total_elements = blocks;
  result.passed = result.wrong_elements == 0;
  result.measure =
      "difference of every block's sum of 32-bit patterns modulo 2^32, exact in any order";
  return result;
}

std::vector<std::uint32_t> random_cycle(std::uint64_t nodes, std::uint64_t seed) {
  std::vector<std::uint32_t> order(nodes);
  std::iota(order.begin(), order.end(), std::uint32_t{0});
  // The engine's output is defined by the standard; that of std::shuffle is not.
  std::mt19937_64 random(seed);
  for (std::uint64_t i = nodes; i > 1; --i) {
    std::swap(order[i - 1], order[random() % i]);
  }
  return order;
}

Verification compare_chase_end(std::uint64_t expected, std::uint64_t actual,
                               std::uint64_t nodes_address) {
  const auto node_of = [&](std::uint64_t address) {
    return static_cast<double>(static_cast<std::int64_t>(address - nodes_address)) /
           static_cast<double>(kNodeBytes);
  };
  Verification result;
  note(result, expected == actual ? 0 : error_of(node_of(actual), node_of(expected)), 0,
       node_of(expected), node_of(actual));
  if (result.first_wrong) {
    result.first_wrong->coordinate = "node at the end of the chase";
  }
  result.total_elements = 1;
  result.passed = result.wrong_elements == 0;
  result.measure =
      "distance in nodes from where the permutation leads after all accesses so far: none allowed";
  return result;
}

}  // namespace rackproof::kernels::memory
