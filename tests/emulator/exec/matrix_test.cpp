// Matrix instructions of all shapes and types: each thread's elements are placed by the formulas of
// PTX ISA 9.0, sections 9.7.14.5 and 9.7.14.4, one element at a time, and multiplied in double.
#include "tests/emulator/exec/kernel_runner.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace rackproof::emulator::exec::testing {
namespace {

struct At {
  int row = 0;
  int column = 0;
};
// Element i of the thread in group g with number t of its group, for A, B and C of one shape.
using Place = std::function<At(int g, int t, int i)>;

struct MatrixCase {
  std::string name;
  std::string instruction;
  int m, n, k;
  int bits;  // of A and B
  bool signed_a, signed_b;
  Place a, b, c;
};
void PrintTo(const MatrixCase& test, std::ostream* out) {
  *out << test.name;
}

At sums_16(int g, int t, int i) {
  return {i < 2 ? g : g + 8, t * 2 + (i & 1)};
}
At sums_8(int g, int t, int i) {
  return {g, t * 2 + i};
}

std::vector<MatrixCase> cases() {
  const auto a_m8 = [](int per) {
    return [per](int g, int t, int i) { return At{g, t * per + i}; };
  };
  const auto b_first = [](int per) {
    return [per](int g, int t, int i) { return At{t * per + i, g}; };
  };
  // Two registers: rows g and g + 8.
  const auto a_two = [](int per) {
    return [per](int g, int t, int i) { return At{i < per ? g : g + 8, t * per + i % per}; };
  };
  const auto a_four = [](int per) {
    return [per](int g, int t, int i) {
      const bool upper_row = (i >= per && i < 2 * per) || i >= 3 * per;
      return At{upper_row ? g + 8 : g, t * per + i % per + (i < 2 * per ? 0 : 4 * per)};
    };
  };
  const auto b_two = [](int per) {
    return [per](int g, int t, int i) {
      return At{t * per + i % per + (i < per ? 0 : 4 * per), g};
    };
  };
  const std::string row_col = ".row.col.";
  std::vector<MatrixCase> list;
  for (const auto& [a, b] : {std::pair("s8", "s8"), {"u8", "s8"}, {"s8", "u8"}, {"u8", "u8"}}) {
    const bool signed_a = a[0] == 's';
    const bool signed_b = b[0] == 's';
    const std::string types = row_col + "s32." + a + "." + b + ".s32";
    const std::string tail = std::string(a) + b;
    list.push_back({"m8n8k16_" + tail, "m8n8k16" + types, 8, 8, 16, 8, signed_a, signed_b, a_m8(4),
                    b_first(4), sums_8});
    list.push_back({"m16n8k16_" + tail, "m16n8k16" + types, 16, 8, 16, 8, signed_a, signed_b,
                    a_two(4), b_first(4), sums_16});
    list.push_back({"m16n8k32_" + tail, "m16n8k32" + types, 16, 8, 32, 8, signed_a, signed_b,
                    a_four(4), b_two(4), sums_16});
    const std::string nibbles = row_col + "s32." + a[0] + "4." + b[0] + "4.s32";
    const std::string short_tail = std::string(1, a[0]) + "4" + b[0] + "4";
    list.push_back({"m8n8k32_" + short_tail, "m8n8k32" + nibbles, 8, 8, 32, 4, signed_a, signed_b,
                    a_m8(8), b_first(8), sums_8});
    list.push_back({"m16n8k32_" + short_tail, "m16n8k32" + nibbles, 16, 8, 32, 4, signed_a,
                    signed_b, a_two(8), b_first(8), sums_16});
    list.push_back({"m16n8k64_" + short_tail, "m16n8k64" + nibbles, 16, 8, 64, 4, signed_a,
                    signed_b, a_four(8), b_two(8), sums_16});
  }
  for (const std::string op : {"xor", "and"}) {
    const std::string types = row_col + "s32.b1.b1.s32." + op + ".popc";
    list.push_back({"m8n8k128_" + op, "m8n8k128" + types, 8, 8, 128, 1, false, false, a_m8(32),
                    b_first(32), sums_8});
    list.push_back({"m16n8k128_" + op, "m16n8k128" + types, 16, 8, 128, 1, false, false, a_two(32),
                    b_first(32), sums_16});
    list.push_back({"m16n8k256_" + op, "m16n8k256" + types, 16, 8, 256, 1, false, false, a_four(32),
                    b_two(32), sums_16});
  }
  return list;
}

std::string braces(const std::string& name, int count) {
  std::string text = "{";
  for (int i = 0; i < count; ++i) {
    text += (i == 0 ? "" : ", ") + name + std::to_string(i);
  }
  return text + "}";
}

// A kernel of one warp that loads registers r0.. (`bytes` a lane) from `in`, lane-major by
// register, runs `body`, and stores %d0.. to `out`.
std::string fragment_kernel(const std::string& target, int bytes, int inputs, int results,
                            const std::string& body) {
  const std::string type = bytes == 8 ? "b64" : "b32";
  std::string text = header(target) +
                     ".visible .entry k(.param .u64 out, .param .u64 in)\n{\n.reg .b32 %i;\n.reg "
                     ".b64 %x, %y, %o;\n.reg ." +
                     type + " %r<" + std::to_string(inputs + 1) + ">, %d<" +
                     std::to_string(results + 1) +
                     ">;\nld.param.u64 %x, [out];\nld.param.u64 %y, [in];\nmov.u32 %i, %tid.x;\n"
                     "mul.wide.u32 %o, %i, " +
                     std::to_string(bytes) + ";\nadd.s64 %x, %x, %o;\nadd.s64 %y, %y, %o;\n";
  for (int i = 0; i < inputs; ++i) {
    text += "ld.global." + type + " %r" + std::to_string(i) + ", [%y+" +
            std::to_string(32 * bytes * i) + "];\n";
  }
  text += body + "\n";
  for (int i = 0; i < results; ++i) {
    text += "st.global." + type + " [%x+" + std::to_string(32 * bytes * i) + "], %d" +
            std::to_string(i) + ";\n";
  }
  return text + "ret;\n}\n";
}

std::string named(const std::string& name, int first, int count) {
  std::string text = "{";
  for (int i = 0; i < count; ++i) {
    text += (i == 0 ? "%" : ", %") + name + std::to_string(first + i);
  }
  return text + "}";
}

class IntegerMatrix : public ::testing::TestWithParam<MatrixCase> {};

TEST_P(IntegerMatrix, EqualsTheExactSumWrappedOrSaturated) {
  const MatrixCase& p = GetParam();
  const int per = 32 / p.bits;
  const int a_words = p.m * p.k / 32 / per;
  const int b_words = p.n * p.k / 32 / per;
  const int sums = p.m * p.n / 32;
  const bool single_bits = p.bits == 1;
  for (const bool saturates : {false, true}) {
    if (saturates && single_bits) {
      continue;
    }
    std::string mnemonic = "mma.sync.aligned." + p.instruction;
    if (saturates) {
      mnemonic.insert(mnemonic.find(".s32"), ".satfinite");
    }
    KernelRunner runner(fragment_kernel(
        "sm_80", 4, a_words + b_words + sums, sums,
        mnemonic + " " + named("d", 0, sums) + ", " + named("r", 0, a_words) + ", " +
            named("r", a_words, b_words) + ", " + named("r", a_words + b_words, sums) + ";"));
    const int words = a_words + b_words + sums;
    Buffer out(runner.addresses(), static_cast<std::size_t>(128 * sums));
    Buffer in(runner.addresses(), static_cast<std::size_t>(128 * words));
    auto* const input = in.as<std::uint32_t>();
    std::mt19937 random(11);
    for (int i = 0; i < 32 * words; ++i) {
      input[i] = static_cast<std::uint32_t>(random());
    }
    // Some sums start at the limits, so that they overflow.
    for (int i = 32 * (a_words + b_words); i < 32 * words; i += 3) {
      input[i] = (i & 1) != 0 ? 0x7ffffff0U : 0x80000010U;
    }
    const Outcome outcome = runner.run("k", out.address(), in.address());
    ASSERT_EQ(outcome.state, GridState::finished) << outcome.fault->message;
    const auto element = [&](int first_word, int lane, int i, bool is_signed) {
      const std::uint32_t word = input[32 * (first_word + i / per) + lane];
      const std::uint32_t code = word >> (i % per * p.bits) & ((1U << p.bits) - 1);
      const bool negative = is_signed && (code >> (p.bits - 1)) != 0;
      return static_cast<std::int64_t>(code) - (negative ? std::int64_t{1} << p.bits : 0);
    };
    std::vector<std::int64_t> a(static_cast<std::size_t>(p.m * p.k));
    std::vector<std::int64_t> b(static_cast<std::size_t>(p.k * p.n));
    for (int lane = 0; lane < 32; ++lane) {
      for (int i = 0; i < a_words * per; ++i) {
        const At at = p.a(lane / 4, lane % 4, i);
        a[static_cast<std::size_t>(at.row * p.k + at.column)] = element(0, lane, i, p.signed_a);
      }
      for (int i = 0; i < b_words * per; ++i) {
        const At at = p.b(lane / 4, lane % 4, i);
        b[static_cast<std::size_t>(at.row * p.n + at.column)] =
            element(a_words, lane, i, p.signed_b);
      }
    }
    for (int lane = 0; lane < 32; ++lane) {
      for (int i = 0; i < sums; ++i) {
        const At at = p.c(lane / 4, lane % 4, i);
        std::int64_t sum = static_cast<std::int32_t>(input[32 * (a_words + b_words + i) + lane]);
        for (int k = 0; k < p.k; ++k) {
          const std::int64_t x = a[static_cast<std::size_t>(at.row * p.k + k)];
          const std::int64_t y = b[static_cast<std::size_t>(k * p.n + at.column)];
          sum += !single_bits ? x * y : p.name.find("xor") != std::string::npos ? x ^ y : x & y;
        }
        const std::int64_t bounded =
            std::clamp<std::int64_t>(sum, std::numeric_limits<std::int32_t>::min(),
                                     std::numeric_limits<std::int32_t>::max());
        ASSERT_EQ(out.as<std::uint32_t>()[32 * i + lane],
                  static_cast<std::uint32_t>(saturates ? bounded : sum))
            << saturates << ' ' << at.row << ' ' << at.column;
      }
    }
    EXPECT_EQ(outcome.counters.mma_ops_integer, 2.0 * p.m * p.n * p.k);
  }
}

INSTANTIATE_TEST_SUITE_P(All, IntegerMatrix, ::testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.name; });

struct DoubleCase {
  int m, k;
  Place a, b, c;
};

TEST(DoubleMatrix, IsAChainOfFusedMultiplyAdds) {
  const DoubleCase shapes[] = {{8, 4,
                                [](int g, int t, int) {
                                  return At{g, t};
                                },
                                [](int g, int t, int) {
                                  return At{t, g};
                                },
                                sums_8},
                               {16, 4,
                                [](int g, int t, int i) {
                                  return At{i == 0 ? g : g + 8, t};
                                },
                                [](int g, int t, int) {
                                  return At{t, g};
                                },
                                sums_16},
                               {16, 8,
                                [](int g, int t, int i) {
                                  return At{i % 2 == 0 ? g : g + 8, i < 2 ? t : t + 4};
                                },
                                [](int g, int t, int i) {
                                  return At{i == 0 ? t : t + 4, g};
                                },
                                sums_16},
                               {16, 16,
                                [](int g, int t, int i) {
                                  return i % 2 == 0 ? At{g, i * 2 + t} : At{g + 8, i * 2 - 2 + t};
                                },
                                [](int g, int t, int i) {
                                  return At{i * 4 + t, g};
                                },
                                sums_16}};
  for (const DoubleCase& p : shapes) {
    const int a_count = p.m * p.k / 32;
    const int b_count = 8 * p.k / 32;
    const int sums = p.m * 8 / 32;
    KernelRunner runner(
        fragment_kernel("sm_90", 8, a_count + b_count + sums, sums,
                        "mma.sync.aligned.m" + std::to_string(p.m) + "n8k" + std::to_string(p.k) +
                            ".row.col.f64.f64.f64.f64 " + named("d", 0, sums) + ", " +
                            named("r", 0, a_count) + ", " + named("r", a_count, b_count) + ", " +
                            named("r", a_count + b_count, sums) + ";"),
        90);
    const int words = a_count + b_count + sums;
    Buffer out(runner.addresses(), static_cast<std::size_t>(256 * sums));
    Buffer in(runner.addresses(), static_cast<std::size_t>(256 * words));
    std::mt19937_64 random(5);
    std::normal_distribution<double> normal;
    for (int i = 0; i < 32 * words; ++i) {
      in.as<double>()[i] = normal(random);
    }
    const Outcome outcome = runner.run("k", out.address(), in.address());
    ASSERT_EQ(outcome.state, GridState::finished) << outcome.fault->message;
    double a[16][16];
    double b[16][8];
    for (int lane = 0; lane < 32; ++lane) {
      for (int i = 0; i < a_count; ++i) {
        const At at = p.a(lane / 4, lane % 4, i);
        a[at.row][at.column] = in.as<double>()[32 * i + lane];
      }
      for (int i = 0; i < b_count; ++i) {
        const At at = p.b(lane / 4, lane % 4, i);
        b[at.row][at.column] = in.as<double>()[32 * (a_count + i) + lane];
      }
    }
    for (int lane = 0; lane < 32; ++lane) {
      for (int i = 0; i < sums; ++i) {
        const At at = p.c(lane / 4, lane % 4, i);
        double sum = in.as<double>()[32 * (a_count + b_count + i) + lane];
        for (int k = 0; k < p.k; ++k) {
          sum = std::fma(a[at.row][k], b[k][at.column], sum);
        }
        ASSERT_EQ(out.as<double>()[32 * i + lane], sum) << p.m << 'x' << p.k;
      }
    }
    EXPECT_EQ(outcome.counters.mma_flops_f64, 2.0 * p.m * 8 * p.k);
  }
}

TEST(DoubleMatrix, RoundsAsAsked) {
  // 1 + 2^-60: to nearest 1, up the next number.
  const std::pair<const char*, double> modes[] = {
      {".rn", 1.0}, {".rz", 1.0}, {".rm", 1.0}, {".rp", std::nextafter(1.0, 2.0)}};
  for (const auto& [mode, expected] : modes) {
    KernelRunner runner(fragment_kernel("sm_80", 8, 4, 2,
                                        "mma.sync.aligned.m8n8k4.row.col" + std::string(mode) +
                                            ".f64.f64.f64.f64 {%d0, %d1}, {%r0}, {%r1}, {%r2, "
                                            "%r3};"));
    Buffer out(runner.addresses(), 512);
    Buffer in(runner.addresses(), 1024);
    for (int lane = 0; lane < 32; ++lane) {
      in.as<double>()[lane] = lane % 4 == 0 ? std::ldexp(1.0, -30) : 0;
      in.as<double>()[32 + lane] = lane % 4 == 0 ? std::ldexp(1.0, -30) : 0;
      in.as<double>()[64 + lane] = 1;
      in.as<double>()[96 + lane] = 1;
    }
    ASSERT_EQ(runner.run("k", out.address(), in.address()).state, GridState::finished);
    EXPECT_EQ(out.as<double>()[0], expected) << mode;
  }
}

// wmma: matrices go from memory through fragments and back; nothing else of them is specified.
struct WmmaCase {
  std::string shape;
  int m, n, k;
  std::string type;    // of A and B
  std::string c_type;  // of C
  std::string d_type;  // of D
  int a_registers, b_registers;
};

int bits_of(const std::string& type) {
  return std::stoi(type.substr(type.find_first_of("0123456789")));
}
int storage_bits(const std::string& type) {
  return type == "tf32" ? 32 : type == "bf16" ? 16 : bits_of(type);
}

std::uint32_t encode(const std::string& type, int value) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  if (type == "f16") {
    // Small integers: 11 significant bits suffice.
    return value == 0 ? 0 : (bits >> 16 & 0x8000) | ((bits >> 13 & 0x3ffff) - (112U << 10));
  }
  if (type == "bf16") {
    return bits >> 16;
  }
  if (type == "tf32" || type == "f32") {
    return bits;
  }
  const int size = bits_of(type);
  return static_cast<std::uint32_t>(value) & (size == 32 ? ~0U : (1U << size) - 1);
}

void put(std::byte* memory, std::size_t index, const std::string& type, int value) {
  if (type == "f64") {
    const double wide = value;
    std::memcpy(memory + 8 * index, &wide, sizeof wide);
    return;
  }
  const auto bits = static_cast<std::size_t>(storage_bits(type));
  const std::uint32_t code = encode(type, value);
  if (bits >= 8) {
    std::memcpy(memory + index * bits / 8, &code, bits / 8);
    return;
  }
  const std::size_t at = index * bits;
  const auto mask = static_cast<unsigned>((1U << bits) - 1) << at % 8;
  memory[at / 8] = static_cast<std::byte>((std::to_integer<unsigned>(memory[at / 8]) & ~mask) |
                                          (code << at % 8 & mask));
}

double get(const std::byte* memory, std::size_t index, const std::string& type) {
  if (type == "f64") {
    double value = 0;
    std::memcpy(&value, memory + 8 * index, sizeof value);
    return value;
  }
  std::uint32_t code = 0;
  const auto bytes = static_cast<std::size_t>(storage_bits(type)) / 8;
  std::memcpy(&code, memory + bytes * index, bytes);
  if (type == "s32") {
    return static_cast<std::int32_t>(code);
  }
  if (type == "f32") {
    return static_cast<double>(std::bit_cast<float>(code));
  }
  const int exponent = static_cast<int>(code >> 10 & 31);
  const double magnitude = exponent == 0 ? std::ldexp(code & 1023, -24)
                                         : std::ldexp(1024 + (code & 1023), exponent - 25);
  return (code & 0x8000) != 0 ? -magnitude : magnitude;
}

void check_wmma(const WmmaCase& p, bool a_rows, bool b_rows, bool c_rows,
                const std::string& space) {
  const bool short_form = p.type == "f16";
  const bool wide = p.type == "f64";
  const auto layout = [](bool rows) { return std::string(rows ? "row" : "col"); };
  const int c_registers = p.m * p.n / 32 / (p.c_type == "f16" ? 2 : 1);
  const int d_registers = p.m * p.n / 32 / (p.d_type == "f16" ? 2 : 1);
  // Strides beyond the matrices' own size.
  const int pad = p.type == "b1" ? 128 : p.type.back() == '4' && !wide ? 32 : 16;
  const int lda = (a_rows ? p.k : p.m) + pad;
  const int ldb = (b_rows ? p.n : p.k) + pad;
  const int ldc = (c_rows ? p.n : p.m) + 8;
  const std::string reg_a = wide ? "x" : "a";
  const std::string text =
      header("sm_80") +
      ".visible .entry k(.param .u64 pa, .param .u64 pb, .param .u64 pc, .param .u64 pd)\n{\n"
      ".reg .b32 %a<9>, %b<9>, %c<9>, %d<9>, %l;\n.reg .f64 %xa<9>, %xb<9>, %xc<9>, %xd<9>;\n"
      ".reg .b64 %p<5>;\nld.param.u64 %p1, [pa];\nld.param.u64 %p2, [pb];\nld.param.u64 %p3, "
      "[pc];\nld.param.u64 %p4, [pd];\nmov.u32 %l, " +
      std::to_string(lda) + ";\nwmma.load.a.sync.aligned." + layout(a_rows) + "." + p.shape +
      space + "." + p.type + " " + braces(wide ? "%xa" : "%a", p.a_registers) +
      ", [%p1], %l;\nwmma.load.b.sync.aligned." + layout(b_rows) + "." + p.shape + space + "." +
      p.type + " " + braces(wide ? "%xb" : "%b", p.b_registers) + ", [%p2], " +
      std::to_string(ldb) + ";\nwmma.load.c.sync.aligned." + layout(c_rows) + "." + p.shape +
      space + "." + p.c_type + " " + braces(wide ? "%xc" : "%c", c_registers) + ", [%p3], " +
      std::to_string(ldc) + ";\nwmma.mma." + (p.type == "b1" ? "xor.popc." : "") + "sync.aligned." +
      layout(a_rows) + "." + layout(b_rows) + "." + p.shape + "." + p.d_type + "." +
      (short_form ? "" : p.type + "." + p.type + ".") + p.c_type + " " +
      braces(wide ? "%xd" : "%d", d_registers) + ", " + braces(wide ? "%xa" : "%a", p.a_registers) +
      ", " + braces(wide ? "%xb" : "%b", p.b_registers) + ", " +
      braces(wide ? "%xc" : "%c", c_registers) + ";\nwmma.store.d.sync.aligned." + layout(c_rows) +
      "." + p.shape + space + "." + p.d_type + " [%p4], " +
      braces(wide ? "%xd" : "%d", d_registers) + ", " + std::to_string(ldc) + ";\nret;\n}\n";
  KernelRunner runner(text);
  constexpr std::size_t kBytes = 16384;
  Buffer a(runner.addresses(), kBytes);
  Buffer b(runner.addresses(), kBytes);
  Buffer c(runner.addresses(), kBytes);
  Buffer d(runner.addresses(), kBytes);
  std::mt19937 random(3);
  const bool is_unsigned = p.type[0] == 'u' || p.type == "b1";
  const int range = p.type == "b1" ? 2 : 8;
  std::vector<int> va(static_cast<std::size_t>(p.m * p.k));
  std::vector<int> vb(static_cast<std::size_t>(p.k * p.n));
  std::vector<int> vc(static_cast<std::size_t>(p.m * p.n));
  const auto fill = [&](std::vector<int>& values, int rows, int columns, Buffer& buffer,
                        const std::string& type, bool by_rows, int stride, bool positive) {
    for (int i = 0; i < rows; ++i) {
      for (int j = 0; j < columns; ++j) {
        int& value = values[static_cast<std::size_t>(i * columns + j)];
        value = static_cast<int>(random() % static_cast<unsigned>(range)) - (positive ? 0 : 4);
        put(buffer.as<std::byte>(),
            static_cast<std::size_t>(by_rows ? i * stride + j : j * stride + i), type, value);
      }
    }
  };
  fill(va, p.m, p.k, a, p.type, a_rows, lda, is_unsigned);
  fill(vb, p.k, p.n, b, p.type, b_rows, ldb, is_unsigned);
  fill(vc, p.m, p.n, c, p.c_type, c_rows, ldc, false);
  const Outcome outcome = runner.run("k", a.address(), b.address(), c.address(), d.address());
  ASSERT_EQ(outcome.state, GridState::finished) << outcome.fault->message << text;
  for (int i = 0; i < p.m; ++i) {
    for (int j = 0; j < p.n; ++j) {
      int expected = vc[static_cast<std::size_t>(i * p.n + j)];
      for (int k = 0; k < p.k; ++k) {
        const int x = va[static_cast<std::size_t>(i * p.k + k)];
        const int y = vb[static_cast<std::size_t>(k * p.n + j)];
        expected += p.type == "b1" ? x ^ y : x * y;
      }
      ASSERT_EQ(get(d.as<std::byte>(), static_cast<std::size_t>(c_rows ? i * ldc + j : j * ldc + i),
                    p.d_type),
                expected)
          << p.shape << ' ' << p.type << ' ' << i << ' ' << j;
    }
  }
}

TEST(Wmma, AllShapesTypesAndLayouts) {
  struct Sizes {
    const char* name;
    int m, n, k;
  };
  std::vector<WmmaCase> list;
  for (const Sizes& s :
       {Sizes{"m16n16k16", 16, 16, 16}, {"m8n32k16", 8, 32, 16}, {"m32n8k16", 32, 8, 16}}) {
    for (const auto& [c, d] :
         {std::pair("f16", "f16"), {"f32", "f32"}, {"f16", "f32"}, {"f32", "f16"}}) {
      list.push_back({s.name, s.m, s.n, s.k, "f16", c, d, 8, 8});
    }
    list.push_back({s.name, s.m, s.n, s.k, "bf16", "f32", "f32", s.m / 4, s.n / 4});
    list.push_back({s.name, s.m, s.n, s.k, "s8", "s32", "s32", s.m / 8, s.n / 8});
    list.push_back({s.name, s.m, s.n, s.k, "u8", "s32", "s32", s.m / 8, s.n / 8});
  }
  list.push_back({"m16n16k8", 16, 16, 8, "tf32", "f32", "f32", 4, 4});
  list.push_back({"m8n8k4", 8, 8, 4, "f64", "f64", "f64", 1, 1});
  for (const WmmaCase& p : list) {
    for (int layouts = 0; layouts < 8; ++layouts) {
      check_wmma(p, (layouts & 1) != 0, (layouts & 2) != 0, (layouts & 4) != 0,
                 layouts % 3 == 0 ? "" : ".global");
    }
  }
  // Narrower than a byte: only rows of A times columns of B.
  for (const char* type : {"s4", "u4"}) {
    check_wmma({"m8n8k32", 8, 8, 32, type, "s32", "s32", 1, 1}, true, false, true, ".global");
  }
  check_wmma({"m8n8k128", 8, 8, 128, "b1", "s32", "s32", 1, 1}, true, false, false, "");
}

// Hopper's own order for fp8 (see emulator/tensor/mma.hpp): C comes last and is rounded to nearest.
TEST(Fp8Matrix, OnHopperAddsTheAddendLast) {
  const int words = 4 + 2 + 4;
  KernelRunner runner(fragment_kernel("sm_90", 4, words, 4,
                                      "mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e5m2.f32 " +
                                          named("d", 0, 4) + ", " + named("r", 0, 4) + ", " +
                                          named("r", 4, 2) + ", " + named("r", 6, 4) + ";"),
                      90);
  Buffer out(runner.addresses(), 512);
  Buffer in(runner.addresses(), 128 * words);
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 4; ++i) {
      in.as<std::uint32_t>()[32 * i + lane] = 0x38383838;  // 1 in e4m3
      // 2^24: 32 x 1 arrives whole, but 2^24 + 1 would not.
      in.as<float>()[32 * (6 + i) + lane] = 16777216.0F;
    }
    for (int i = 4; i < 6; ++i) {
      in.as<std::uint32_t>()[32 * i + lane] = lane % 4 == 0 && i == 4 ? 0x3c : 0;  // 1 in e5m2
    }
  }
  // Column 0 to 7 of B has a single 1: the sum is 1, and 2^24 + 1 rounds to even.
  ASSERT_EQ(runner.run("k", out.address(), in.address()).state, GridState::finished);
  EXPECT_EQ(out.as<float>()[0], 16777216.0F);
  for (int lane = 0; lane < 32; ++lane) {
    in.as<std::uint32_t>()[32 * 5 + lane] = lane % 4 == 0 ? 0x42 : 0;  // and a 3: the sum is 4
  }
  ASSERT_EQ(runner.run("k", out.address(), in.address()).state, GridState::finished);
  EXPECT_EQ(out.as<float>()[0], 16777220.0F);
  // 2^24 + 3 is a tie that nearest-even takes up and truncation takes down.
  for (int lane = 0; lane < 32; ++lane) {
    in.as<std::uint32_t>()[32 * 4 + lane] = 0;
  }
  ASSERT_EQ(runner.run("k", out.address(), in.address()).state, GridState::finished);
  EXPECT_EQ(out.as<float>()[0], 16777220.0F);
}

// The two f16 multiplications take k % 4 < 2 and k % 4 >= 2: large terms that cancel within one do
// not cut the small term of the other.
TEST(Fp8Matrix, OnHopperSplitsPairsOfK) {
  KernelRunner runner(fragment_kernel("sm_90", 4, 10, 4,
                                      "mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e5m2.f32 " +
                                          named("d", 0, 4) + ", " + named("r", 0, 4) + ", " +
                                          named("r", 4, 2) + ", " + named("r", 6, 4) + ";"),
                      90);
  Buffer out(runner.addresses(), 512);
  Buffer in(runner.addresses(), 1280);
  for (int lane = 0; lane < 32; lane += 4) {
    in.as<std::uint32_t>()[lane] = 0x01f878;           // A: 2^8, -2^8, 2^-9 at k = 0, 1, 2
    in.as<std::uint32_t>()[32 * 4 + lane] = 0x017878;  // B: 2^15, 2^15, 2^-16
  }
  ASSERT_EQ(runner.run("k", out.address(), in.address()).state, GridState::finished);
  EXPECT_EQ(out.as<float>()[0], std::ldexp(1.0F, -25));
}

// mma.m8n8k4 of f16, by the tables of section 9.7.14.5.1: threads 4p to 4p + 3 and those 16 further
// make product p.
TEST(QuadMatrix, EveryLayout) {
  std::mt19937 random(5);
  for (const bool a_by_columns : {false, true}) {
    for (const bool b_by_rows : {false, true}) {
      for (const bool half : {false, true}) {
        const int sums = half ? 4 : 8;
        const std::string type = half ? "f16" : "f32";
        const std::string instruction =
            std::string("mma.sync.aligned.m8n8k4.") + (a_by_columns ? "col." : "row.") +
            (b_by_rows ? "row." : "col.") + type + ".f16.f16." + type + " " + named("d", 0, sums) +
            ", " + named("r", 0, 2) + ", " + named("r", 2, 2) + ", " + named("r", 4, sums) + ";";
        KernelRunner runner(fragment_kernel("sm_80", 4, 4 + sums, sums, instruction));
        Buffer out(runner.addresses(), 1024);
        Buffer in(runner.addresses(), 2048);
        int a[4][8][4];
        int b[4][4][8];
        int c[4][8][8];
        const auto number = [&] { return static_cast<int>(random() % 7) - 3; };
        const auto code = [](int value) {
          const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
          return value == 0 ? 0U
                            : (bits >> 16 & 0x8000U) | ((bits >> 23 & 0xff) - 112) << 10 |
                                  (bits >> 13 & 0x3ff);
        };
        const auto put = [&](int reg, int lane, int i, int value, bool wide) {
          std::uint32_t& word = in.as<std::uint32_t>()[(reg + (wide ? i : i / 2)) * 32 + lane];
          word |= wide ? std::bit_cast<std::uint32_t>(static_cast<float>(value))
                       : code(value) << (i % 2 * 16);
        };
        std::fill_n(in.as<std::uint32_t>(), 512, 0U);
        const auto at = [half](int lane, int i) {
          const int x = half ? lane % 4 : (lane & 1) + (i & 2);
          return At{x + lane / 16 * 4, half ? i : (i & 4) + (lane & 2) + (i & 1)};
        };
        for (int lane = 0; lane < 32; ++lane) {
          const int product = lane % 16 / 4;
          const int upper = lane / 16 * 4;
          for (int i = 0; i < 4; ++i) {
            const At of_a = a_by_columns ? At{i + upper, lane % 4} : At{lane % 4 + upper, i};
            const At of_b = b_by_rows ? At{lane % 4, i + upper} : At{i, lane % 4 + upper};
            put(0, lane, i, a[product][of_a.row][of_a.column] = number(), false);
            put(2, lane, i, b[product][of_b.row][of_b.column] = number(), false);
          }
          for (int i = 0; i < 8; ++i) {
            const At of_c = at(lane, i);
            put(4, lane, i, c[product][of_c.row][of_c.column] = number(), !half);
          }
        }
        ASSERT_EQ(runner.run("k", out.address(), in.address()).state, GridState::finished);
        for (int lane = 0; lane < 32; ++lane) {
          for (int i = 0; i < 8; ++i) {
            const int product = lane % 16 / 4;
            const At of_d = at(lane, i);
            int sum = c[product][of_d.row][of_d.column];
            for (int k = 0; k < 4; ++k) {
              sum += a[product][of_d.row][k] * b[product][k][of_d.column];
            }
            const std::uint32_t word = out.as<std::uint32_t>()[(half ? i / 2 : i) * 32 + lane];
            EXPECT_EQ(half ? word >> (i % 2 * 16) & 0xffff : word,
                      half ? code(sum) : std::bit_cast<std::uint32_t>(static_cast<float>(sum)))
                << instruction << " lane " << lane << " element " << i;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace rackproof::emulator::exec::testing
