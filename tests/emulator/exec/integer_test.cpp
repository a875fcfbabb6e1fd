// Integer instructions against 128-bit arithmetic and bit-by-bit definitions.
#include "tests/emulator/exec/instruction_harness.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

namespace rackproof::emulator::exec::testing {
namespace {

using Int = __int128;
constexpr std::size_t kCount = 1200;

template <class T>
std::string suffix() {
  return std::string(std::is_signed_v<T> ? "s" : "u") + std::to_string(8 * sizeof(T));
}

template <class T>
class IntegerTest : public ::testing::Test {
 protected:
  using U = std::make_unsigned_t<T>;
  std::vector<T> a = patterns<T>(kCount, 1);
  std::vector<T> b = patterns<T>(kCount, 2);
  std::vector<T> c = patterns<T>(kCount, 3);

  static T wrapped(Int value) { return static_cast<T>(static_cast<U>(value)); }

  void expect2(const std::string& name, const std::function<T(T, T)>& reference) {
    const auto result = evaluate<T>(name + "." + suffix<T>() + " %d, %a, %b;", a, b);
    for (std::size_t i = 0; i < kCount; ++i) {
      ASSERT_EQ(result[i], reference(a[i], b[i])) << name << " of " << +a[i] << ", " << +b[i];
    }
  }
  void expect3(const std::string& name, const std::function<T(T, T, T)>& reference) {
    const auto result = evaluate<T>(name + "." + suffix<T>() + " %d, %a, %b, %c;", a, b, c);
    for (std::size_t i = 0; i < kCount; ++i) {
      ASSERT_EQ(result[i], reference(a[i], b[i], c[i]))
          << name << " of " << +a[i] << ", " << +b[i] << ", " << +c[i];
    }
  }
};
using Types = ::testing::Types<std::uint16_t, std::int16_t, std::uint32_t, std::int32_t,
                               std::uint64_t, std::int64_t>;
TYPED_TEST_SUITE(IntegerTest, Types);

TYPED_TEST(IntegerTest, AddSubMul) {
  using T = TypeParam;
  this->expect2("add", [](T x, T y) { return TestFixture::wrapped(Int{x} + y); });
  this->expect2("sub", [](T x, T y) { return TestFixture::wrapped(Int{x} - y); });
  this->expect2("mul.lo", [](T x, T y) {
    // 128 bits cannot overflow but for 64-bit operands, whose low half is right modulo 2^128.
    return TestFixture::wrapped(
        static_cast<Int>(static_cast<unsigned __int128>(x) * static_cast<unsigned __int128>(y)));
  });
  this->expect2("mul.hi", [](T x, T y) {
    if constexpr (std::is_same_v<T, std::uint64_t>) {
      return static_cast<T>(static_cast<unsigned __int128>(x) * y >> 64);
    } else {
      return TestFixture::wrapped(Int{x} * y >> (8 * sizeof(T)));
    }
  });
  this->expect3("mad.lo", [](T x, T y, T z) {
    return TestFixture::wrapped(
        static_cast<Int>(static_cast<unsigned __int128>(x) * static_cast<unsigned __int128>(y) +
                         static_cast<unsigned __int128>(z)));
  });
}

TYPED_TEST(IntegerTest, DivideAndRemainder) {
  using T = TypeParam;
  for (auto& divisor : this->b) {
    divisor = divisor == 0 ? T{1} : divisor;
  }
  this->expect2("div", [](T x, T y) { return TestFixture::wrapped(Int{x} / Int{y}); });
  this->expect2("rem", [](T x, T y) { return TestFixture::wrapped(Int{x} % Int{y}); });
}

TYPED_TEST(IntegerTest, OrderAndDifference) {
  using T = TypeParam;
  this->expect2("min", [](T x, T y) { return std::min(x, y); });
  this->expect2("max", [](T x, T y) { return std::max(x, y); });
  this->expect3("sad", [](T x, T y, T z) {
    const Int difference = Int{x} - y;
    return TestFixture::wrapped(Int{z} + (difference < 0 ? -difference : difference));
  });
}

TYPED_TEST(IntegerTest, ShiftRightClampsItsCount) {
  using T = TypeParam;
  const auto counts = patterns<std::uint32_t>(kCount, 5);
  const auto result = evaluate<T>("shr." + suffix<T>() + " %d, %a, %b;", this->a, counts);
  for (std::size_t i = 0; i < kCount; ++i) {
    const std::uint32_t n = std::min<std::uint32_t>(counts[i], 8 * sizeof(T));
    ASSERT_EQ(result[i], TestFixture::wrapped(Int{this->a[i]} >> n))
        << +this->a[i] << " >> " << counts[i];
  }
}

TEST(Integer, WideProducts) {
  const auto a = patterns<std::int32_t>(kCount, 1);
  const auto b = patterns<std::int32_t>(kCount, 2);
  const auto c = patterns<std::int64_t>(kCount, 3);
  const auto mul = evaluate<std::int64_t>("mul.wide.s32 %d, %a, %b;", a, b);
  const auto mad = evaluate<std::int64_t>("mad.wide.s32 %d, %a, %b, %c;", a, b, c);
  const auto unsigned_mul = evaluate<std::uint64_t>("mul.wide.u32 %d, %a, %b;", a, b);
  for (std::size_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(mul[i], std::int64_t{a[i]} * b[i]);
    ASSERT_EQ(mad[i],
              static_cast<std::int64_t>(static_cast<std::uint64_t>(std::int64_t{a[i]} * b[i]) +
                                        static_cast<std::uint64_t>(c[i])));
    ASSERT_EQ(unsigned_mul[i],
              std::uint64_t{static_cast<std::uint32_t>(a[i])} * static_cast<std::uint32_t>(b[i]));
  }
}

TEST(Integer, SaturatingAdd) {
  const auto a = patterns<std::int32_t>(kCount, 1);
  const auto b = patterns<std::int32_t>(kCount, 2);
  const auto sum = evaluate<std::int32_t>("add.sat.s32 %d, %a, %b;", a, b);
  const auto difference = evaluate<std::int32_t>("sub.sat.s32 %d, %a, %b;", a, b);
  const auto clamp = [](std::int64_t x) {
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(
        x, std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()));
  };
  for (std::size_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(sum[i], clamp(std::int64_t{a[i]} + b[i]));
    ASSERT_EQ(difference[i], clamp(std::int64_t{a[i]} - b[i]));
  }
}

TEST(Integer, CarryChainAddsAndSubtracts128Bits) {
  const auto a = patterns<std::uint64_t>(kCount, 1);
  const auto b = patterns<std::uint64_t>(kCount, 2);
  // {a, a} op {b, b}: the high word shows the carry.
  const auto high = evaluate<std::uint64_t>("add.cc.u64 %u0, %a, %b;\naddc.u64 %d, %a, %b;", a, b);
  const auto low = evaluate<std::uint64_t>("sub.cc.u64 %u0, %a, %b;\nsubc.u64 %d, %b, %a;", a, b);
  const auto product =
      evaluate<std::uint64_t>("mad.lo.cc.u64 %u0, %a, %b, %a;\nmadc.hi.u64 %d, %a, %b, %b;", a, b);
  for (std::size_t i = 0; i < kCount; ++i) {
    using Wide = unsigned __int128;
    const Wide x = Wide{a[i]} << 64 | a[i];
    const Wide y = Wide{b[i]} << 64 | b[i];
    ASSERT_EQ(high[i], static_cast<std::uint64_t>((x + y) >> 64));
    const Wide minuend = Wide{b[i]} << 64 | a[i];
    const Wide subtrahend = Wide{a[i]} << 64 | b[i];
    ASSERT_EQ(low[i], static_cast<std::uint64_t>((minuend - subtrahend) >> 64));
    ASSERT_EQ(product[i],
              static_cast<std::uint64_t>((Wide{a[i]} * b[i] + (Wide{b[i]} << 64 | a[i])) >> 64));
  }
}

TEST(Integer, PackedHalves) {
  const auto a = patterns<std::uint32_t>(kCount, 1);
  const auto b = patterns<std::uint32_t>(kCount, 2);
  const auto sum = evaluate<std::uint32_t>("add.u16x2 %d, %a, %b;", 90, "sm_90", a, b);
  const auto low = evaluate<std::uint32_t>("min.s16x2 %d, %a, %b;", 90, "sm_90", a, b);
  for (std::size_t i = 0; i < kCount; ++i) {
    for (const int shift : {0, 16}) {
      const auto x = static_cast<std::int16_t>(a[i] >> shift);
      const auto y = static_cast<std::int16_t>(b[i] >> shift);
      ASSERT_EQ(static_cast<std::int16_t>(sum[i] >> shift), static_cast<std::int16_t>(x + y));
      ASSERT_EQ(static_cast<std::int16_t>(low[i] >> shift), std::min(x, y));
    }
  }
}

}  // namespace
}  // namespace rackproof::emulator::exec::testing
