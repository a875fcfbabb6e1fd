#pragma once
/// One fused sum of a matrix unit, term by term: the definition that all fast paths are held to.

#include "emulator/tensor/dot_product.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace rackproof::emulator::tensor {

struct Number {
  enum class Kind : std::uint8_t { finite, infinite, nan } kind = Kind::finite;
  bool negative = false;
  int exponent = kZeroExponent;
  std::uint64_t significand = 0;
};
[[nodiscard]] Number decode_number(const FormatFacts& format, std::uint32_t code);
/// The number in `accumulator`, rounded to nearest even; its significand has `fraction_bits`.
[[nodiscard]] std::uint32_t encode_number(Accumulator accumulator, const Number& number,
                                          int fraction_bits);

/// Collects the addend and exact products, then cuts, adds and rounds them.
class FusedSum {
 public:
  explicit FusedSum(Accumulator accumulator) : accumulator_(accumulator) {}

  /// C, times 2^exponent.
  void add_addend(std::uint32_t code, int exponent = 0);
  /// A product, times 2^exponent.
  void add_product(const FormatFacts& format_a, std::uint32_t a, const FormatFacts& format_b,
                   std::uint32_t b, int exponent = 0);
  /// significand x 2^(exponent - fraction_bits); takes part in the largest exponent with
  /// `exponent`.
  void add_term(bool negative, int exponent, std::uint64_t significand, int fraction_bits);
  void add_nan() { nan_ = true; }
  [[nodiscard]] std::uint32_t result(const DotModel& model) const;

 private:
  /// significand x 2^(exponent - fraction_bits)
  struct Term {
    bool negative = false;
    int exponent = 0;
    std::uint64_t significand = 0;
    int fraction_bits = 0;
  };
  static constexpr std::size_t kMaximumTerms = 33;  // 32 products and the addend

  Accumulator accumulator_;
  std::array<Term, kMaximumTerms> terms_;
  std::size_t count_ = 0;
  bool nan_ = false;
  std::array<bool, 2> infinite_{};  ///< positive, negative
};

}  // namespace rackproof::emulator::tensor
