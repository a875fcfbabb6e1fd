// f16, bf16 and 8-bit formats against a search through all their values.
#include "tests/emulator/exec/instruction_harness.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>

namespace rackproof::emulator::exec::testing {
namespace {

// Wide enough that sums and products of narrow values are exact or rounded far below them.
#ifdef __SIZEOF_FLOAT128__
using Exact = __float128;
#else
using Exact = long double;
#endif

struct Format {
  int exponent_bits;
  int mantissa_bits;
  bool has_infinity;

  [[nodiscard]] std::uint32_t codes() const { return 1U << (exponent_bits + mantissa_bits); }
  // Positive codes only; NaN for those that are not finite.
  [[nodiscard]] double value(std::uint32_t code) const {
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const auto field = static_cast<int>(code >> mantissa_bits);
    const auto fraction = static_cast<double>(code & ((1U << mantissa_bits) - 1));
    const bool special = field == (1 << exponent_bits) - 1;
    if (special && (has_infinity || code == codes() - 1)) {
      return std::numeric_limits<double>::quiet_NaN();
    }
    return field == 0 ? std::ldexp(fraction, 1 - bias - mantissa_bits)
                      : std::ldexp(std::ldexp(1.0, mantissa_bits) + fraction,
                                   field - bias - mantissa_bits);
  }
  [[nodiscard]] double signed_value(std::uint32_t code) const {
    const std::uint32_t magnitude = code & (codes() - 1);
    double result = value(magnitude);
    if (has_infinity && magnitude == infinity()) {
      result = std::numeric_limits<double>::infinity();
    }
    return (code & codes()) != 0 ? -result : result;
  }
  [[nodiscard]] std::uint32_t infinity() const {
    return ((1U << exponent_bits) - 1) << mantissa_bits;
  }
  [[nodiscard]] std::uint32_t largest() const {
    return has_infinity ? infinity() - 1 : codes() - 2;
  }
};
constexpr Format kF16{5, 10, true};
constexpr Format kBf16{8, 7, true};
constexpr Format kE4m3{4, 3, false};
constexpr Format kE5m2{5, 2, true};

// Round to nearest even by binary search among the format's values. `satfinite`: no infinity.
std::uint32_t nearest(const Format& format, Exact x, bool satfinite = false) {
  const bool negative = x < 0;
  const Exact magnitude = negative ? -x : x;
  const std::uint32_t sign = negative ? format.codes() : 0;
  const std::uint32_t top = format.largest();
  std::uint32_t low = 0;
  std::uint32_t high = top;
  while (low < high) {
    const std::uint32_t middle = (low + high + 1) / 2;
    if (static_cast<Exact>(format.value(middle)) <= magnitude) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  const auto below = static_cast<Exact>(format.value(low));
  // Beyond the largest, the next value would be one step further.
  const Exact above = low == top ? below + (below - static_cast<Exact>(format.value(top - 1)))
                                 : static_cast<Exact>(format.value(low + 1));
  const Exact to_below = magnitude - below;
  const Exact to_above = above - magnitude;
  std::uint32_t code =
      to_below < to_above || (to_below == to_above && low % 2 == 0) ? low : low + 1;
  if (code > top) {
    code = satfinite || !format.has_infinity ? top : format.infinity();
  }
  return sign | code;
}

std::vector<std::uint16_t> codes(std::uint64_t seed, std::size_t count = 6000) {
  std::mt19937_64 random(seed);
  std::vector<std::uint16_t> values(count);
  for (auto& value : values) {
    value = static_cast<std::uint16_t>(random());
  }
  return values;
}

class HalfTest : public ::testing::TestWithParam<std::pair<const char*, Format>> {
 protected:
  const std::string type_ = GetParam().first;
  const Format format_ = GetParam().second;
  const std::vector<std::uint16_t> a_ = codes(1);
  const std::vector<std::uint16_t> b_ = codes(2);
  const std::vector<std::uint16_t> c_ = codes(3);

  template <class F>
  void expect(const std::string& instruction, F reference) {
    const auto result = evaluate<std::uint16_t>(instruction, 90, "sm_90", a_, b_, c_);
    for (std::size_t i = 0; i < a_.size(); ++i) {
      const double x = format_.signed_value(a_[i]);
      const double y = format_.signed_value(b_[i]);
      const double z = format_.signed_value(c_[i]);
      if (!std::isfinite(x) || !std::isfinite(y) || !std::isfinite(z)) {
        continue;
      }
      // Beyond the reference's own width its sum would lose the smaller part (see StickyBit).
      if (z != 0 && x * y != 0 &&
          std::fabs(std::log2(std::fabs(x * y)) - std::log2(std::fabs(z))) > 90) {
        continue;
      }
      const Exact exact =
          reference(static_cast<Exact>(x), static_cast<Exact>(y), static_cast<Exact>(z));
      std::uint32_t expected = nearest(format_, exact);
      if (exact == 0) {
        expected = result[i] & format_.codes();  // the sign of zero is tested elsewhere
      }
      ASSERT_EQ(result[i], expected) << instruction << ' ' << x << ' ' << y << ' ' << z;
    }
  }
};

TEST_P(HalfTest, RoundsOnce) {
  expect("add." + type_ + " %d, %a, %b;", [](Exact x, Exact y, Exact) { return x + y; });
  expect("sub." + type_ + " %d, %a, %b;", [](Exact x, Exact y, Exact) { return x - y; });
  expect("mul." + type_ + " %d, %a, %b;", [](Exact x, Exact y, Exact) { return x * y; });
  expect("fma.rn." + type_ + " %d, %a, %b, %c;",
         [](Exact x, Exact y, Exact z) { return x * y + z; });
}

TEST_P(HalfTest, StickyBitBreaksTies) {
  const int m = format_.mantissa_bits;
  const auto one = nearest(format_, 1);
  const auto product = static_cast<std::uint16_t>(nearest(format_, 1.5));
  const auto next = static_cast<std::uint16_t>(one + 1);
  const auto tiny = static_cast<std::uint16_t>(1);
  const auto minus_tiny = static_cast<std::uint16_t>(1 | format_.codes());
  const std::vector<std::uint16_t> a = {product, product, product};
  const std::vector<std::uint16_t> b = {next, next, next};
  const std::vector<std::uint16_t> c = {0, tiny, minus_tiny};
  const auto result =
      evaluate<std::uint16_t>("fma.rn." + type_ + " %d, %a, %b, %c;", 90, "sm_90", a, b, c);
  // 1.5 + 1.5 u: a tie between 1.5 + u and 1.5 + 2u.
  const auto lower = static_cast<std::uint32_t>(nearest(format_, 1.5 + std::ldexp(1.0, -m)));
  EXPECT_EQ(result[0], lower % 2 == 0 ? lower : lower + 1);
  EXPECT_EQ(result[1], lower + 1);
  EXPECT_EQ(result[2], lower);
}

TEST_P(HalfTest, MinMaxNegAbs) {
  expect("min." + type_ + " %d, %a, %b;", [](Exact x, Exact y, Exact) { return x < y ? x : y; });
  expect("max." + type_ + " %d, %a, %b;", [](Exact x, Exact y, Exact) { return x < y ? y : x; });
  expect("neg." + type_ + " %d, %a;", [](Exact x, Exact, Exact) { return -x; });
  expect("abs." + type_ + " %d, %a;", [](Exact x, Exact, Exact) { return x < 0 ? -x : x; });
}

TEST_P(HalfTest, PairsAreTwoHalves) {
  std::vector<std::uint32_t> a;
  std::vector<std::uint32_t> b;
  for (std::size_t i = 0; i + 1 < a_.size(); ++i) {
    a.push_back(a_[i] | static_cast<std::uint32_t>(a_[i + 1]) << 16);
    b.push_back(b_[i] | static_cast<std::uint32_t>(b_[i + 1]) << 16);
  }
  const auto pairs = evaluate<std::uint32_t>("add." + type_ + "x2 %d, %a, %b;", 90, "sm_90", a, b);
  const auto single = evaluate<std::uint16_t>("add." + type_ + " %d, %a, %b;", 90, "sm_90", a_, b_);
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(pairs[i], single[i] | static_cast<std::uint32_t>(single[i + 1]) << 16);
  }
}

TEST_P(HalfTest, ConvertsFromAndToSingle) {
  const auto bits = patterns<std::uint32_t>(20000, 9);
  const auto narrow = evaluate<std::uint16_t>("cvt.rn." + type_ + ".f32 %d, %a;", bits);
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const float x = std::bit_cast<float>(bits[i]);
    if (std::isnan(x)) {
      ASSERT_EQ(narrow[i] & 0x7fff, 0x7fff);
    } else if (std::isinf(x)) {
      ASSERT_EQ(narrow[i], format_.infinity() | (x < 0 ? 0x8000U : 0U));
    } else {
      ASSERT_EQ(narrow[i],
                nearest(format_, static_cast<Exact>(x)) | (std::signbit(x) ? 0x8000U : 0U))
          << x;
    }
  }
  const auto wide = evaluate<float>("cvt.f32." + type_ + " %d, %a;", 90, "sm_90", a_);
  for (std::size_t i = 0; i < a_.size(); ++i) {
    const double exact = format_.signed_value(a_[i]);
    ASSERT_TRUE(std::isnan(exact) ? std::isnan(wide[i]) : static_cast<double>(wide[i]) == exact);
  }
}

TEST_P(HalfTest, PacksTwoSingles) {
  const auto high = patterns<std::uint32_t>(4000, 21);
  const auto low = patterns<std::uint32_t>(4000, 22);
  const auto packed = evaluate<std::uint32_t>("cvt.rn." + type_ + "x2.f32 %d, %a, %b;", high, low);
  const auto one = [this](std::uint32_t bits) {
    const float x = std::bit_cast<float>(bits);
    return std::isnan(x) ? 0x7fffU
                         : (std::isinf(x) ? format_.infinity()
                                          : nearest(format_, static_cast<Exact>(std::fabs(x)))) |
                               (std::signbit(x) ? 0x8000U : 0U);
  };
  for (std::size_t i = 0; i < high.size(); ++i) {
    ASSERT_EQ(packed[i], one(high[i]) << 16 | one(low[i]));
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, HalfTest,
                         ::testing::Values(std::pair{"f16", kF16}, std::pair{"bf16", kBf16}),
                         [](const auto& test) { return std::string(test.param.first); });

TEST(NarrowFloat, EightBitFormatsSaturate) {
  const auto high = patterns<std::uint32_t>(6000, 31);
  const auto low = patterns<std::uint32_t>(6000, 32);
  for (const auto& [name, format] : {std::pair{"e4m3x2", kE4m3}, std::pair{"e5m2x2", kE5m2}}) {
    const auto packed = evaluate<std::uint16_t>(
        "cvt.rn.satfinite." + std::string(name) + ".f32 %d, %a, %b;", 89, "sm_89", high, low);
    const auto one = [&format = format](std::uint32_t bits) {
      const float x = std::bit_cast<float>(bits);
      if (std::isnan(x)) {
        return 0x7fU;
      }
      const std::uint32_t code = std::isinf(x)
                                     ? format.largest()
                                     : nearest(format, static_cast<Exact>(std::fabs(x)), true);
      return code | (std::signbit(x) ? 0x80U : 0U);
    };
    for (std::size_t i = 0; i < high.size(); ++i) {
      ASSERT_EQ(packed[i], one(high[i]) << 8 | one(low[i]))
          << name << ' ' << std::bit_cast<float>(high[i]) << ' ' << std::bit_cast<float>(low[i]);
    }
    const auto back = codes(33, 2000);
    const auto halves = evaluate<std::uint32_t>("cvt.rn.f16x2." + std::string(name) + " %d, %a;",
                                                89, "sm_89", back);
    for (std::size_t i = 0; i < back.size(); ++i) {
      for (const int part : {0, 1}) {
        const double exact = format.signed_value(back[i] >> (8 * part) & 0xff);
        const double got = kF16.signed_value(halves[i] >> (16 * part) & 0xffff);
        ASSERT_TRUE(std::isnan(exact) ? std::isnan(got) : exact == got) << name;
      }
    }
  }
}

TEST(NarrowFloat, Tf32KeepsTenFractionBits) {
  const auto bits = patterns<std::uint32_t>(4000, 41);
  const auto away = evaluate<std::uint32_t>("cvt.rna.tf32.f32 %d, %a;", bits);
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const float x = std::bit_cast<float>(bits[i]);
    if (!std::isfinite(x)) {
      continue;
    }
    // Half a unit of the tenth bit, added to the magnitude, then cut: ties go away from zero.
    ASSERT_EQ(away[i], (bits[i] + 0x1000) & 0xffffe000U) << x;
  }
}

}  // namespace
}  // namespace rackproof::emulator::exec::testing
