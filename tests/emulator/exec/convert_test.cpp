// cvt between integers and floats, of every width; selection and moves of parts.
#include "tests/emulator/exec/instruction_harness.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cfenv>
#include <cmath>
#include <limits>
#include <string>

namespace rackproof::emulator::exec::testing {
namespace {

constexpr std::size_t kCount = 3000;

template <class T>
std::string type_name() {
  if constexpr (std::is_floating_point_v<T>) {
    return sizeof(T) == 4 ? "f32" : "f64";
  } else {
    return std::string(std::is_signed_v<T> ? "s" : "u") + std::to_string(8 * sizeof(T));
  }
}

// A 32-bit register takes every integer up to 32 bits; wider results keep the value.
template <class To, class From>
void expect_integers() {
  const auto inputs = patterns<From>(kCount, sizeof(To) * 16 + sizeof(From));
  using Wide = std::conditional_t<std::is_signed_v<To>, std::int64_t, std::uint64_t>;
  const std::string pair = type_name<To>() + "." + type_name<From>();
  const auto plain = evaluate<Wide>("cvt." + pair + " %d, %a;", inputs);
  const auto clamped = evaluate<Wide>("cvt.sat." + pair + " %d, %a;", inputs);
  for (std::size_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(plain[i], static_cast<Wide>(static_cast<To>(inputs[i]))) << pair << ' ' << +inputs[i];
    const __int128 value = inputs[i];
    const __int128 low = std::numeric_limits<To>::min();
    const __int128 high = std::numeric_limits<To>::max();
    ASSERT_EQ(clamped[i], static_cast<Wide>(value < low    ? low
                                            : value > high ? high
                                                           : value))
        << pair << ' ' << +inputs[i];
  }
}
TEST(Convert, IntegerToInteger) {
  expect_integers<std::int8_t, std::int32_t>();
  expect_integers<std::uint8_t, std::int32_t>();
  expect_integers<std::int16_t, std::uint32_t>();
  expect_integers<std::uint16_t, std::int64_t>();
  expect_integers<std::int32_t, std::int64_t>();
  expect_integers<std::uint32_t, std::int64_t>();
  expect_integers<std::int64_t, std::int16_t>();
  expect_integers<std::int64_t, std::uint64_t>();
  expect_integers<std::uint64_t, std::int64_t>();
}

struct Mode {
  const char* to_float;
  const char* to_integer;
  int host;
};
constexpr Mode kModes[] = {{"rn", "rni", FE_TONEAREST},
                           {"rz", "rzi", FE_TOWARDZERO},
                           {"rm", "rmi", FE_DOWNWARD},
                           {"rp", "rpi", FE_UPWARD}};

template <class F, class I>
void expect_float_integer() {
  const auto integers = patterns<I>(kCount, sizeof(I));
  auto floats =
      patterns<std::conditional_t<sizeof(F) == 4, std::uint32_t, std::uint64_t>>(kCount, 77);
  std::vector<F> reals;
  for (const auto bits : floats) {
    reals.push_back(std::bit_cast<F>(bits));
  }
  for (int i = 0; i < 400; ++i) {
    reals[static_cast<std::size_t>(i)] = static_cast<F>(i - 200) / 4;
  }
  for (const Mode& mode : kModes) {
    const auto to_float = evaluate<F>("cvt." + std::string(mode.to_float) + "." + type_name<F>() +
                                          "." + type_name<I>() + " %d, %a;",
                                      integers);
    const auto to_integer = evaluate<I>("cvt." + std::string(mode.to_integer) + "." +
                                            type_name<I>() + "." + type_name<F>() + " %d, %a;",
                                        reals);
    for (std::size_t i = 0; i < kCount; ++i) {
      volatile I integer = integers[i];
      std::fesetround(mode.host);
      volatile F expected = static_cast<F>(integer);
      volatile F real = reals[i];
      volatile F whole = std::nearbyint(real);
      std::fesetround(FE_TONEAREST);
      ASSERT_EQ(to_float[i], static_cast<F>(expected)) << mode.to_float << ' ' << +integers[i];
      const F value = whole;
      if (std::isnan(value)) {
        continue;  // the result for NaN depends on the device
      }
      const I clamped =
          value <= static_cast<F>(std::numeric_limits<I>::min())   ? std::numeric_limits<I>::min()
          : value >= static_cast<F>(std::numeric_limits<I>::max()) ? std::numeric_limits<I>::max()
                                                                   : static_cast<I>(value);
      ASSERT_EQ(to_integer[i], clamped) << mode.to_integer << ' ' << reals[i];
    }
  }
}
TEST(Convert, FloatsAndIntegersInAllRoundings) {
  expect_float_integer<float, std::int32_t>();
  expect_float_integer<float, std::uint32_t>();
  expect_float_integer<float, std::int64_t>();
  expect_float_integer<double, std::uint64_t>();
  expect_float_integer<double, std::int32_t>();
}

TEST(Convert, DoubleToSingleInAllRoundings) {
  std::vector<double> inputs;
  for (const auto bits : patterns<std::uint64_t>(kCount, 5)) {
    inputs.push_back(std::bit_cast<double>(bits));
  }
  std::mt19937_64 random(6);
  std::uniform_real_distribution<double> uniform(-4, 4);
  for (std::size_t i = 200; i < kCount; ++i) {
    inputs[i] = std::ldexp(uniform(random), static_cast<int>(random() % 300) - 150);
  }
  for (const Mode& mode : kModes) {
    const auto result =
        evaluate<float>("cvt." + std::string(mode.to_float) + ".f32.f64 %d, %a;", inputs);
    for (std::size_t i = 0; i < kCount; ++i) {
      volatile double value = inputs[i];
      std::fesetround(mode.host);
      volatile float expected = static_cast<float>(value);
      std::fesetround(FE_TONEAREST);
      ASSERT_TRUE(std::isnan(inputs[i]) ? std::isnan(result[i]) : result[i] == expected)
          << inputs[i];
    }
  }
}

TEST(Convert, FloatToIntegralFloat) {
  std::vector<float> inputs;
  for (int i = 0; i < 3000; ++i) {
    inputs.push_back(static_cast<float>(i - 1500) / 8);
  }
  const auto even = evaluate<float>("cvt.rni.f32.f32 %d, %a;", inputs);
  const auto up = evaluate<float>("cvt.rpi.f32.f32 %d, %a;", inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    ASSERT_EQ(even[i], std::nearbyint(inputs[i]));
    ASSERT_EQ(up[i], std::ceil(inputs[i]));
  }
}

TEST(Convert, MovesPartsOfRegisters) {
  const auto a = patterns<std::uint64_t>(kCount, 1);
  const auto b = patterns<std::uint32_t>(kCount, 2);
  const auto swapped =
      evaluate<std::uint64_t>("mov.b64 {%t0, %t1}, %a;\nmov.b64 %d, {%t1, %t0};", a);
  const auto quarters = evaluate<std::uint64_t>(
      "mov.b64 {%h0, %h1, %h2, %h3}, %a;\nmov.b64 %d, {%h3, %h2, %h1, %h0};", a);
  const auto halves =
      evaluate<std::uint32_t>("mov.b32 {%h0, %h1}, %a;\nmov.b32 %d, {%h1, %h0};", b);
  for (std::size_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(swapped[i], a[i] << 32 | a[i] >> 32);
    std::uint64_t reversed = 0;
    for (int part = 0; part < 4; ++part) {
      reversed |= (a[i] >> (16 * part) & 0xffff) << (48 - 16 * part);
    }
    ASSERT_EQ(quarters[i], reversed);
    ASSERT_EQ(halves[i], b[i] << 16 | b[i] >> 16);
  }
}

TEST(Convert, Selection) {
  const auto a = patterns<std::uint32_t>(kCount, 1);
  const auto b = patterns<std::uint32_t>(kCount, 2);
  const auto c = patterns<std::uint32_t>(kCount, 3);
  const auto chosen =
      evaluate<std::uint32_t>("setp.lt.s32 %q0, %a, %b;\nselp.b32 %d, %a, %b, %q0;", a, b);
  const auto by_sign = evaluate<std::uint32_t>("slct.b32.s32 %d, %a, %b, %c;", a, b, c);
  const auto flags = evaluate<std::uint32_t>("set.hs.u32.u32 %d, %a, %b;", a, b);
  const auto ones = evaluate<float>("set.lt.f32.s32 %d, %a, %b;", a, b);
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto x = static_cast<std::int32_t>(a[i]);
    const auto y = static_cast<std::int32_t>(b[i]);
    ASSERT_EQ(static_cast<std::int32_t>(chosen[i]), std::min(x, y));
    ASSERT_EQ(by_sign[i], static_cast<std::int32_t>(c[i]) >= 0 ? a[i] : b[i]);
    ASSERT_EQ(flags[i], a[i] >= b[i] ? 0xffffffffU : 0U);
    ASSERT_EQ(ones[i], x < y ? 1.0F : 0.0F);
  }
}

}  // namespace
}  // namespace rackproof::emulator::exec::testing
