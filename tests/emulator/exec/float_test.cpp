// f32 and f64 arithmetic against wider arithmetic and the host's rounding modes.
#include "tests/emulator/exec/instruction_harness.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cfenv>
#include <cmath>
#include <limits>
#include <string>

namespace rackproof::emulator::exec::testing {
namespace {

constexpr std::size_t kCount = 4000;

// Floats with exponents close enough that sums and products round in interesting places.
template <class T>
std::vector<T> floats(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<T> values = {T{0},
                           -T{0},
                           T{1},
                           -T{1},
                           std::numeric_limits<T>::infinity(),
                           -std::numeric_limits<T>::infinity(),
                           std::numeric_limits<T>::quiet_NaN(),
                           std::numeric_limits<T>::max(),
                           std::numeric_limits<T>::min(),
                           std::numeric_limits<T>::denorm_min(),
                           -std::numeric_limits<T>::denorm_min()};
  std::shuffle(values.begin(), values.end(), random);
  std::uniform_real_distribution<double> mantissa(-2, 2);
  std::uniform_int_distribution<int> near_one(-30, 30);
  std::uniform_int_distribution<int> anywhere(std::numeric_limits<T>::min_exponent - 25,
                                              std::numeric_limits<T>::max_exponent);
  while (values.size() < kCount) {
    const int exponent = random() % 4 == 0 ? anywhere(random) : near_one(random);
    values.push_back(static_cast<T>(std::ldexp(mantissa(random), exponent)));
  }
  std::shuffle(values.begin(), values.end(), random);
  return values;
}
const auto kA = floats<float>(1);
const auto kB = floats<float>(2);
const auto kC = floats<float>(3);
const auto kX = floats<double>(4);
const auto kY = floats<double>(5);
const auto kZ = floats<double>(6);

template <class T>
bool same(T x, T y) {
  if (x != x || y != y) {
    return x != x && y != y;
  }
  return std::memcmp(&x, &y, sizeof x) == 0;
}

struct Mode {
  const char* suffix;
  int host;
};
constexpr Mode kModes[] = {
    {"rn", FE_TONEAREST}, {"rz", FE_TOWARDZERO}, {"rm", FE_DOWNWARD}, {"rp", FE_UPWARD}};

// The operation under a rounding mode of the host, with operands the compiler cannot see.
template <class T, class F>
T rounded(int mode, F function, T x, T y, T z) {
  volatile T vx = x;
  volatile T vy = y;
  volatile T vz = z;
  std::fesetround(mode);
  volatile T result = function(static_cast<T>(vx), static_cast<T>(vy), static_cast<T>(vz));
  std::fesetround(FE_TONEAREST);
  return result;
}

template <class T, class F>
void expect_all_modes(const std::string& name, int operands, F function) {
  const auto& a = []() -> const std::vector<T>& {
    if constexpr (sizeof(T) == 4)
      return kA;
    else
      return kX;
  }();
  const auto& b = []() -> const std::vector<T>& {
    if constexpr (sizeof(T) == 4)
      return kB;
    else
      return kY;
  }();
  const auto& c = []() -> const std::vector<T>& {
    if constexpr (sizeof(T) == 4)
      return kC;
    else
      return kZ;
  }();
  const std::string type = sizeof(T) == 4 ? ".f32" : ".f64";
  for (const Mode& mode : kModes) {
    const std::string text = name + "." + mode.suffix + type +
                             (operands == 1   ? " %d, %a;"
                              : operands == 2 ? " %d, %a, %b;"
                                              : " %d, %a, %b, %c;");
    const auto result = evaluate<T>(text, a, b, c);
    for (std::size_t i = 0; i < kCount; ++i) {
      const T expected = rounded<T>(mode.host, function, a[i], b[i], c[i]);
      ASSERT_TRUE(same(result[i], expected))
          << text << std::hexfloat << ": " << a[i] << ' ' << b[i] << ' ' << c[i] << " gave "
          << result[i] << ", not " << expected;
    }
  }
}

TEST(Float, SinglePrecisionInAllRoundings) {
  expect_all_modes<float>("add", 2, [](float x, float y, float) { return x + y; });
  expect_all_modes<float>("sub", 2, [](float x, float y, float) { return x - y; });
  expect_all_modes<float>("mul", 2, [](float x, float y, float) { return x * y; });
  expect_all_modes<float>("div", 2, [](float x, float y, float) { return x / y; });
  expect_all_modes<float>("fma", 3, [](float x, float y, float z) { return std::fma(x, y, z); });
  expect_all_modes<float>("rcp", 1, [](float x, float, float) { return 1 / x; });
  expect_all_modes<float>("sqrt", 1, [](float x, float, float) { return std::sqrt(x); });
}

TEST(Float, DoublePrecisionInAllRoundings) {
  expect_all_modes<double>("add", 2, [](double x, double y, double) { return x + y; });
  expect_all_modes<double>("mul", 2, [](double x, double y, double) { return x * y; });
  expect_all_modes<double>("div", 2, [](double x, double y, double) { return x / y; });
  expect_all_modes<double>("fma", 3,
                           [](double x, double y, double z) { return std::fma(x, y, z); });
  expect_all_modes<double>("sqrt", 1, [](double x, double, double) { return std::sqrt(x); });
}

float flushed(float x) {
  return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0F, x) : x;
}

TEST(Float, FlushesSubnormalsOnBothSides) {
  const auto product = evaluate<float>("mul.ftz.f32 %d, %a, %b;", kA, kB);
  const auto fused = evaluate<float>("fma.rn.ftz.f32 %d, %a, %b, %c;", kA, kB, kC);
  for (std::size_t i = 0; i < kCount; ++i) {
    ASSERT_TRUE(same(product[i], flushed(flushed(kA[i]) * flushed(kB[i]))))
        << kA[i] << ' ' << kB[i];
    ASSERT_TRUE(same(fused[i], flushed(std::fma(flushed(kA[i]), flushed(kB[i]), flushed(kC[i])))));
  }
}

TEST(Float, SaturatesToTheUnitInterval) {
  const auto sum = evaluate<float>("add.sat.f32 %d, %a, %b;", kA, kB);
  for (std::size_t i = 0; i < kCount; ++i) {
    const float exact = kA[i] + kB[i];
    const float expected = exact != exact ? 0 : std::min(1.0F, std::max(0.0F, exact));
    ASSERT_EQ(sum[i], expected);
    ASSERT_FALSE(std::signbit(sum[i]));
  }
}

TEST(Float, NaNIsCanonical) {
  const auto sum = evaluate<std::uint32_t>("add.f32 %d, %a, %b;", kA, kB);
  for (std::size_t i = 0; i < kCount; ++i) {
    if (kA[i] + kB[i] != kA[i] + kB[i]) {
      ASSERT_EQ(sum[i], 0x7fffffffU);
    }
  }
}

TEST(Float, MinimumAndMaximum) {
  const auto low = evaluate<float>("min.f32 %d, %a, %b;", kA, kB);
  const auto high = evaluate<float>("max.NaN.f32 %d, %a, %b;", kA, kB);
  for (std::size_t i = 0; i < kCount; ++i) {
    const bool nan = std::isnan(kA[i]) || std::isnan(kB[i]);
    const float expected = std::isnan(kA[i])                                          ? kB[i]
                           : std::isnan(kB[i])                                        ? kA[i]
                           : kA[i] < kB[i] || (kA[i] == kB[i] && std::signbit(kA[i])) ? kA[i]
                                                                                      : kB[i];
    ASSERT_TRUE(same(low[i], expected)) << kA[i] << ' ' << kB[i];
    if (nan) {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(high[i]), 0x7fffffffU);
    } else {
      ASSERT_EQ(high[i], std::max(kA[i], kB[i]));
    }
  }
  const std::vector<float> zeros = {0.0F, -0.0F};
  const std::vector<float> others = {-0.0F, 0.0F};
  for (const float zero : evaluate<float>("min.f32 %d, %a, %b;", zeros, others)) {
    EXPECT_TRUE(std::signbit(zero));
  }
  for (const float zero : evaluate<float>("max.f32 %d, %a, %b;", zeros, others)) {
    EXPECT_FALSE(std::signbit(zero));
  }
}

TEST(Float, SignsAndSelection) {
  const auto negative = evaluate<float>("neg.f32 %d, %a;", kA);
  const auto absolute = evaluate<float>("abs.f32 %d, %a;", kA);
  const auto copied = evaluate<float>("copysign.f32 %d, %a, %b;", kA, kB);
  for (std::size_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(negative[i]),
              std::bit_cast<std::uint32_t>(kA[i]) ^ 0x80000000U);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(absolute[i]),
              std::bit_cast<std::uint32_t>(kA[i]) & 0x7fffffffU);
    ASSERT_TRUE(same(copied[i], std::copysign(kB[i], kA[i])));
  }
}

// The ISA bounds of the approximations (section 9.7.3), met with room to spare: one unit in the
// last place of the correctly rounded value.
void expect_close(const std::string& text, double (*reference)(double)) {
  const auto result = evaluate<float>(text, kA);
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto exact = static_cast<float>(reference(static_cast<double>(kA[i])));
    if (std::isnan(exact)) {
      ASSERT_TRUE(std::isnan(result[i])) << text << ' ' << kA[i];
    } else if (std::isinf(exact) || exact == 0) {
      ASSERT_EQ(result[i], exact) << text << ' ' << kA[i];
    } else {
      const float step = std::fabs(std::nextafter(exact, 0.0F) - exact);
      ASSERT_LE(std::fabs(result[i] - exact), step) << text << ' ' << kA[i];
    }
  }
}
TEST(Float, Approximations) {
  expect_close("ex2.approx.f32 %d, %a;", [](double x) { return std::exp2(x); });
  expect_close("lg2.approx.f32 %d, %a;", [](double x) { return std::log2(x); });
  expect_close("sin.approx.f32 %d, %a;", [](double x) { return std::sin(x); });
  expect_close("cos.approx.f32 %d, %a;", [](double x) { return std::cos(x); });
  expect_close("tanh.approx.f32 %d, %a;", [](double x) { return std::tanh(x); });
  expect_close("rsqrt.approx.f32 %d, %a;", [](double x) { return 1 / std::sqrt(x); });
  expect_close("rcp.approx.f32 %d, %a;", [](double x) { return 1 / x; });
}

TEST(Float, Comparisons) {
  const auto expect = [](const std::string& text, auto reference) {
    const auto result = evaluate<std::uint32_t>(text, kA, kB);
    for (std::size_t i = 0; i < kCount; ++i) {
      ASSERT_EQ(result[i] != 0, reference(kA[i], kB[i])) << text << ' ' << kA[i] << ' ' << kB[i];
    }
  };
  const auto unordered = [](float x, float y) { return std::isnan(x) || std::isnan(y); };
  expect("setp.lt.f32 %p, %a, %b;", [](float x, float y) { return x < y; });
  expect("setp.ne.f32 %p, %a, %b;", [=](float x, float y) { return x != y && !unordered(x, y); });
  expect("setp.neu.f32 %p, %a, %b;", [=](float x, float y) { return x != y || unordered(x, y); });
  expect("setp.geu.f32 %p, %a, %b;", [=](float x, float y) { return x >= y || unordered(x, y); });
  expect("setp.num.f32 %p, %a, %b;", [=](float x, float y) { return !unordered(x, y); });
  expect("setp.nan.f32 %p, %a, %b;", unordered);
  expect("setp.eq.ftz.f32 %p, %a, %b;", [](float x, float y) { return flushed(x) == flushed(y); });
  expect("setp.gt.f32 %q0|%q1, %a, %b;\nsetp.le.and.f32 %p, %a, %b, %q1;",
         [](float x, float y) { return x <= y; });
  expect("testp.subnormal.f32 %p, %a;",
         [](float x, float) { return std::fpclassify(x) == FP_SUBNORMAL; });
  expect("testp.normal.f32 %p, %a;",
         [](float x, float) { return std::fpclassify(x) == FP_NORMAL; });
}

}  // namespace
}  // namespace rackproof::emulator::exec::testing
