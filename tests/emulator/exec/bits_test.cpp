// Logic and bit-field instructions against the ISA's own pseudo-code, bit by bit.
#include "tests/emulator/exec/instruction_harness.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace rackproof::emulator::exec::testing {
namespace {

constexpr std::size_t kCount = 1500;
using U32 = std::uint32_t;
using U64 = std::uint64_t;

const auto kA = patterns<U32>(kCount, 11);
const auto kB = patterns<U32>(kCount, 12);
const auto kC = patterns<U32>(kCount, 13);
const auto kWideA = patterns<U64>(kCount, 14);

template <class F>
void expect(const std::vector<U32>& result, F reference) {
  for (std::size_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(result[i], reference(kA[i], kB[i], kC[i]))
        << std::hex << kA[i] << ' ' << kB[i] << ' ' << kC[i];
  }
}

TEST(Bits, Logic) {
  expect(evaluate<U32>("and.b32 %d, %a, %b;", kA, kB), [](U32 a, U32 b, U32) { return a & b; });
  expect(evaluate<U32>("or.b32 %d, %a, %b;", kA, kB), [](U32 a, U32 b, U32) { return a | b; });
  expect(evaluate<U32>("xor.b32 %d, %a, %b;", kA, kB), [](U32 a, U32 b, U32) { return a ^ b; });
  expect(evaluate<U32>("not.b32 %d, %a;", kA), [](U32 a, U32, U32) { return ~a; });
  expect(evaluate<U32>("cnot.b32 %d, %a;", kA), [](U32 a, U32, U32) { return a == 0 ? 1U : 0U; });
}

TEST(Bits, EveryLop3Table) {
  for (const int table : {0x00, 0x01, 0x80, 0x96, 0xca, 0xe8, 0x1b, 0xff, 0x40}) {
    expect(evaluate<U32>("lop3.b32 %d, %a, %b, %c, " + std::to_string(table) + ";", kA, kB, kC),
           [table](U32 a, U32 b, U32 c) {
             U32 result = 0;
             for (int bit = 0; bit < 32; ++bit) {
               const U32 index = (a >> bit & 1) << 2 | (b >> bit & 1) << 1 | (c >> bit & 1);
               result |= (static_cast<U32>(table) >> index & 1) << bit;
             }
             return result;
           });
  }
}

TEST(Bits, CountsAndSearches) {
  expect(evaluate<U32>("popc.b32 %d, %a;", kA), [](U32 a, U32, U32) {
    U32 count = 0;
    for (int bit = 0; bit < 32; ++bit)
      count += a >> bit & 1;
    return count;
  });
  expect(evaluate<U32>("clz.b32 %d, %a;", kA), [](U32 a, U32, U32) {
    U32 count = 0;
    for (int bit = 31; bit >= 0 && (a >> bit & 1) == 0; --bit)
      ++count;
    return count;
  });
  expect(evaluate<U32>("brev.b32 %d, %a;", kA), [](U32 a, U32, U32) {
    U32 result = 0;
    for (int bit = 0; bit < 32; ++bit)
      result |= (a >> bit & 1) << (31 - bit);
    return result;
  });
  const auto find = [](std::int64_t value) {
    value = value < 0 ? ~value : value;
    for (int bit = 31; bit >= 0; --bit) {
      if ((value >> bit & 1) != 0)
        return static_cast<U32>(bit);
    }
    return 0xffffffffU;
  };
  expect(evaluate<U32>("bfind.u32 %d, %a;", kA), [find](U32 a, U32, U32) { return find(a); });
  expect(evaluate<U32>("bfind.s32 %d, %a;", kA),
         [find](U32 a, U32, U32) { return find(static_cast<std::int32_t>(a)); });
  expect(evaluate<U32>("bfind.shiftamt.u32 %d, %a;", kA), [find](U32 a, U32, U32) {
    const U32 high = find(a);
    return high == 0xffffffffU ? high : 31 - high;
  });
  const auto wide = evaluate<U32>("clz.b64 %d, %a;", kWideA);
  for (std::size_t i = 0; i < kCount; ++i) {
    U32 count = 0;
    for (int bit = 63; bit >= 0 && (kWideA[i] >> bit & 1) == 0; --bit)
      ++count;
    ASSERT_EQ(wide[i], count);
  }
}

// The pseudo-code of section 9.7.1.20 (bfe).
template <class T>
T field(T a, U32 b, U32 c) {
  using U = std::make_unsigned_t<T>;
  const U32 msb = 8 * sizeof(T) - 1;
  const U32 pos = b & 0xff;
  const U32 len = c & 0xff;
  const auto bit = [a](U32 index) { return static_cast<U>(static_cast<U>(a) >> index & 1); };
  const U sign = !std::is_signed_v<T> || len == 0 ? U{0} : bit(std::min(pos + len - 1, msb));
  U d = 0;
  for (U32 i = 0; i <= msb; ++i) {
    d |= static_cast<U>((i < len && pos + i <= msb ? bit(pos + i) : sign) << i);
  }
  return static_cast<T>(d);
}

TEST(Bits, FieldExtractAndInsert) {
  expect(evaluate<U32>("bfe.u32 %d, %a, %b, %c;", kA, kB, kC),
         [](U32 a, U32 b, U32 c) { return field<U32>(a, b, c); });
  expect(evaluate<U32>("bfe.s32 %d, %a, %b, %c;", kA, kB, kC), [](U32 a, U32 b, U32 c) {
    return static_cast<U32>(field<std::int32_t>(static_cast<std::int32_t>(a), b, c));
  });
  const auto wide = evaluate<U64>("bfe.s64 %d, %a, %b, %c;", kWideA, kB, kC);
  for (std::size_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(wide[i], static_cast<U64>(field<std::int64_t>(static_cast<std::int64_t>(kWideA[i]),
                                                            kB[i], kC[i])));
  }
  const auto position = patterns<U32>(kCount, 15);
  const auto inserted = evaluate<U32>("bfi.b32 %d, %a, %b, %c, %e;", kA, kB, kC, position);
  for (std::size_t i = 0; i < kCount; ++i) {
    const U32 pos = kC[i] & 0xff;
    const U32 len = position[i] & 0xff;
    U32 f = kB[i];
    for (U32 k = 0; k < len && pos + k <= 31; ++k) {
      f = (f & ~(1U << (pos + k))) | (kA[i] >> k & 1) << (pos + k);
    }
    ASSERT_EQ(inserted[i], f);
  }
}

TEST(Bits, FunnelShift) {
  const auto shifted = [](U32 a, U32 b, U32 n, bool right) {
    const U64 both = U64{b} << 32 | a;
    return static_cast<U32>(right ? both >> n : (both << n) >> 32);
  };
  expect(evaluate<U32>("shf.l.wrap.b32 %d, %a, %b, %c;", kA, kB, kC),
         [=](U32 a, U32 b, U32 c) { return shifted(a, b, c & 31, false); });
  expect(evaluate<U32>("shf.r.wrap.b32 %d, %a, %b, %c;", kA, kB, kC),
         [=](U32 a, U32 b, U32 c) { return shifted(a, b, c & 31, true); });
  expect(evaluate<U32>("shf.l.clamp.b32 %d, %a, %b, %c;", kA, kB, kC),
         [=](U32 a, U32 b, U32 c) { return shifted(a, b, std::min(c, 32U), false); });
  expect(evaluate<U32>("shf.r.clamp.b32 %d, %a, %b, %c;", kA, kB, kC),
         [=](U32 a, U32 b, U32 c) { return shifted(a, b, std::min(c, 32U), true); });
}

TEST(Bits, BytePermute) {
  const auto pick = [](U32 a, U32 b, const std::array<U32, 4>& selectors, bool sign) {
    U32 result = 0;
    for (U32 i = 0; i < 4; ++i) {
      const U32 s = selectors[i];
      U32 byte = ((s & 7) < 4 ? a : b) >> (8 * (s & 3)) & 0xff;
      if (sign && (s & 8) != 0)
        byte = (byte & 0x80) != 0 ? 0xff : 0;
      result |= byte << (8 * i);
    }
    return result;
  };
  expect(evaluate<U32>("prmt.b32 %d, %a, %b, %c;", kA, kB, kC), [=](U32 a, U32 b, U32 c) {
    return pick(a, b, {c & 15, c >> 4 & 15, c >> 8 & 15, c >> 12 & 15}, true);
  });
  // The tables of section 9.7.9.7, byte 0 first.
  using Table = std::array<std::array<U32, 4>, 4>;
  const std::pair<const char*, Table> modes[] = {
      {"f4e", {{{0, 1, 2, 3}, {1, 2, 3, 4}, {2, 3, 4, 5}, {3, 4, 5, 6}}}},
      {"b4e", {{{0, 7, 6, 5}, {1, 0, 7, 6}, {2, 1, 0, 7}, {3, 2, 1, 0}}}},
      {"rc8", {{{0, 0, 0, 0}, {1, 1, 1, 1}, {2, 2, 2, 2}, {3, 3, 3, 3}}}},
      {"ecl", {{{0, 1, 2, 3}, {1, 1, 2, 3}, {2, 2, 2, 3}, {3, 3, 3, 3}}}},
      {"ecr", {{{0, 0, 0, 0}, {0, 1, 1, 1}, {0, 1, 2, 2}, {0, 1, 2, 3}}}},
      {"rc16", {{{0, 1, 0, 1}, {2, 3, 2, 3}, {0, 1, 0, 1}, {2, 3, 2, 3}}}},
  };
  for (const auto& [name, table] : modes) {
    expect(evaluate<U32>(std::string("prmt.b32.") + name + " %d, %a, %b, %c;", kA, kB, kC),
           [&, &rows = table](U32 a, U32 b, U32 c) { return pick(a, b, rows[c & 3], false); });
  }
}

TEST(Bits, DotProducts) {
  expect(evaluate<U32>("dp4a.s32.u32 %d, %a, %b, %c;", kA, kB, kC), [](U32 a, U32 b, U32 c) {
    std::int64_t sum = static_cast<std::int32_t>(c);
    for (int i = 0; i < 4; ++i)
      sum += static_cast<std::int8_t>(a >> (8 * i)) * static_cast<int>(b >> (8 * i) & 0xff);
    return static_cast<U32>(sum);
  });
  expect(evaluate<U32>("dp2a.hi.u32.s32 %d, %a, %b, %c;", kA, kB, kC), [](U32 a, U32 b, U32 c) {
    std::int64_t sum = static_cast<std::int32_t>(c);
    for (int i = 0; i < 2; ++i)
      sum += std::int64_t{a >> (16 * i) & 0xffff} * static_cast<std::int8_t>(b >> (8 * (i + 2)));
    return static_cast<U32>(sum);
  });
}

TEST(Bits, NthSetBitAndMasks) {
  auto base = kB;
  auto offset = kC;
  for (std::size_t i = 0; i < kCount; ++i) {
    base[i] %= 32;
    offset[i] = static_cast<U32>(static_cast<std::int32_t>(offset[i] % 13) - 6);
  }
  const auto found = evaluate<U32>("fns.b32 %d, %a, %b, %c;", kA, base, offset);
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto n = static_cast<std::int32_t>(offset[i]);
    U32 expected = 0xffffffffU;
    int left = n == 0 ? 1 : std::abs(n);
    for (int pos = static_cast<int>(base[i]); pos >= 0 && pos < 32; pos += n < 0 ? -1 : 1) {
      if ((kA[i] >> pos & 1) != 0 && --left == 0) {
        expected = static_cast<U32>(pos);
        break;
      }
      if (n == 0)
        break;
    }
    ASSERT_EQ(found[i], expected) << std::hex << kA[i] << " base " << base[i] << " n " << n;
  }
  expect(evaluate<U32>("bmsk.clamp.b32 %d, %a, %b;", kA, kB), [](U32 a, U32 b, U32) {
    U32 result = 0;
    for (U64 bit = std::min(a, 32U); bit < U64{std::min(a, 32U)} + std::min(b, 32U) && bit < 32;
         ++bit)
      result |= 1U << bit;
    return result;
  });
}

}  // namespace
}  // namespace rackproof::emulator::exec::testing
