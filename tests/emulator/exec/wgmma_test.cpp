// wgmma in all types, operand places and modifiers. The test places every element by the formulas
// of PTX ISA 9.0, sections 9.7.15.5 and 9.7.15.6, and multiplies by the definition of the matrix
// units.
#include "emulator/tensor/matrix_unit.hpp"
#include "emulator/tensor/sparsity.hpp"
#include "tests/emulator/exec/kernel_runner.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <ostream>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace rackproof::emulator::exec::testing {
namespace {

using tensor::Format;
using tensor::UnitKind;

constexpr std::uint32_t kThreads = 128;
constexpr std::size_t kImageBytes = 96 * 1024;
constexpr std::uint32_t kPlaceOfB = 32 * 1024;

struct WgmmaCase {
  std::string name;
  tensor::MatrixUnit unit;
  std::size_t n = 16;
  int bits = 16;
  bool a_in_registers = false;
  bool a_mn_major = false;
  bool b_mn_major = false;
  bool sparse = false;
  bool accumulates = true;
  int selector = 0;
};
void PrintTo(const WgmmaCase& test, std::ostream* out) {
  *out << test.name;
}

WgmmaCase floating(const std::string& name, Format a, Format b, std::size_t k, int bits,
                   tensor::Accumulator sums = tensor::Accumulator::f32) {
  WgmmaCase test;
  test.name = name;
  test.unit.kind = UnitKind::wgmma;
  test.unit.format_a = a;
  test.unit.format_b = b;
  test.unit.accumulator = sums;
  test.unit.k = k;
  test.bits = bits;
  return test;
}

std::vector<WgmmaCase> cases() {
  constexpr auto kHalf = tensor::Accumulator::f16;
  std::vector<WgmmaCase> dense = {
      floating("bf16", Format::bf16, Format::bf16, 16, 16),
      floating("f16", Format::f16, Format::f16, 16, 16),
      floating("f16_f16", Format::f16, Format::f16, 16, 16, kHalf),
      floating("tf32", Format::tf32, Format::tf32, 8, 32),
      floating("e4m3_e5m2", Format::e4m3, Format::e5m2, 32, 8),
      floating("e5m2_f16", Format::e5m2, Format::e5m2, 32, 8, kHalf),
  };
  WgmmaCase integers;
  integers.name = "s8_u8";
  integers.unit = {.kind = UnitKind::wgmma_integer, .signed_b = false, .saturate = true, .k = 32};
  integers.bits = 8;
  dense.push_back(integers);
  WgmmaCase ones;
  ones.name = "b1";
  ones.unit = {.kind = UnitKind::wgmma_bits, .k = 256};
  ones.bits = 32;
  dense.push_back(ones);
  std::vector<WgmmaCase> all = dense;
  for (const WgmmaCase& each : dense) {
    all.push_back(each);
    all.back().name += "_registers";
    all.back().a_in_registers = true;
    if (each.unit.kind == UnitKind::wgmma_bits) {
      continue;
    }
    for (const bool registers : {false, true}) {
      WgmmaCase sparse = each;
      sparse.name += registers ? "_sparse_registers" : "_sparse";
      sparse.unit.k *= 2;
      sparse.sparse = true;
      sparse.a_in_registers = registers;
      sparse.selector = registers && each.bits != 8 ? 1 : 0;
      all.push_back(sparse);
    }
  }
  WgmmaCase wide = dense[0];
  wide.name = "bf16_n256_transposed";
  wide.n = 256;
  wide.a_mn_major = wide.b_mn_major = true;
  wide.unit.negate_b = true;
  all.push_back(wide);
  wide = dense[2];
  wide.name = "f16_f16_n8_fresh";
  wide.n = 8;
  wide.accumulates = false;
  wide.unit.negate_a = true;
  all.push_back(wide);
  return all;
}

std::string list(const std::string& prefix, std::size_t count) {
  std::string text = "{";
  for (std::size_t i = 0; i < count; ++i) {
    text += (i == 0 ? "" : ", ") + prefix + std::to_string(i);
  }
  return text + "}";
}

bool half_sums(const WgmmaCase& test) {
  return test.unit.kind == UnitKind::wgmma && test.unit.accumulator == tensor::Accumulator::f16;
}
std::size_t sum_registers(const WgmmaCase& test) {
  return test.n / (half_sums(test) ? 4 : 2);
}

std::string mnemonic(const WgmmaCase& test) {
  constexpr const char* kFormats[] = {"f16", "bf16", "tf32", "e4m3", "e5m2"};
  std::string text = std::string("wgmma.mma_async") + (test.sparse ? ".sp" : "") +
                     ".sync.aligned.m64n" + std::to_string(test.n) + "k" +
                     std::to_string(test.unit.k);
  if (test.unit.kind == UnitKind::wgmma_bits) {
    return text + ".s32.b1.b1.and.popc";
  }
  if (test.unit.kind == UnitKind::wgmma_integer) {
    return text + ".satfinite.s32.s8.u8";
  }
  return text + (half_sums(test) ? ".f16." : ".f32.") +
         kFormats[static_cast<int>(test.unit.format_a)] + "." +
         kFormats[static_cast<int>(test.unit.format_b)];
}

std::string operands(const WgmmaCase& test) {
  std::string text = list("%d", sum_registers(test)) + ", " +
                     (test.a_in_registers ? list("%a", 4) : "%da") + ", %db, ";
  if (test.sparse) {
    text += "%meta, " + std::to_string(test.selector) + ", ";
  }
  text += "%p";
  if (test.unit.kind == UnitKind::wgmma) {
    text +=
        std::string(test.unit.negate_a ? ", -1" : ", 1") + (test.unit.negate_b ? ", -1" : ", 1");
    if (test.bits == 16) {
      text += test.a_in_registers ? "" : test.a_mn_major ? ", 1" : ", 0";
      text += test.b_mn_major ? ", 1" : ", 0";
    }
  }
  return text;
}

// A kernel that copies `image` to shared memory, loads D, A and metadata of each thread from `in`
// (register by register, 128 threads each), and runs `body`, then stores D to `out`.
constexpr const char* kProxyFence = "fence.proxy.async;\n";
std::string kernel(const WgmmaCase& test, const std::string& body,
                   const std::string& proxy_fence = kProxyFence) {
  const std::size_t sums = sum_registers(test);
  std::string text =
      header("sm_90a") + ".shared .align 1024 .b8 smem[" + std::to_string(kImageBytes) +
      "];\n.visible .entry k(.param .u64 out, .param .u64 in, .param .u64 image, "
      ".param .u64 da, .param .u64 db, .param .u32 scale)\n{\n.reg .b32 %d<200>;\n"
      ".reg .b32 %a<4>;\n.reg .b32 %meta, %i, %n, %s, %v, %c;\n.reg .b64 %da, %db, "
      "%x, %y, %z, %o;\n.reg .pred %p, %q;\nld.param.u64 %x, [out];\n"
      "ld.param.u64 %y, [in];\nld.param.u64 %z, [image];\nld.param.u32 %c, [scale];\n"
      "setp.ne.u32 %p, %c, 0;\nmov.u32 %i, %tid.x;\nmov.u32 %s, smem;\n"
      "shr.u32 %v, %s, 4;\ncvt.u64.u32 %o, %v;\nld.param.u64 %da, [da];\n"
      "add.s64 %da, %da, %o;\nld.param.u64 %db, [db];\nadd.s64 %db, %db, %o;\n"
      "mul.wide.u32 %o, %i, 4;\nadd.s64 %x, %x, %o;\nadd.s64 %y, %y, %o;\n"
      "add.s64 %z, %z, %o;\ncvt.u32.u64 %n, %o;\nadd.u32 %s, %s, %n;\nmov.u32 %n, 0;\n"
      "LOOP:\nld.global.u32 %v, [%z];\nst.shared.u32 [%s], %v;\n"
      "add.s64 %z, %z, 512;\nadd.u32 %s, %s, 512;\nadd.u32 %n, %n, 512;\n"
      "setp.lt.u32 %q, %n, " +
      std::to_string(kImageBytes) + ";\n@%q bra LOOP;\n";
  const auto load = [&](const std::string& name, std::size_t index) {
    text += "ld.global.u32 " + name + ", [%y+" + std::to_string(index * kThreads * 4) + "];\n";
  };
  for (std::size_t i = 0; i < sums; ++i) {
    load("%d" + std::to_string(i), i);
  }
  for (std::size_t i = 0; i < 4; ++i) {
    load("%a" + std::to_string(i), sums + i);
  }
  load("%meta", sums + 4);
  text += proxy_fence + "bar.sync 0;\n" + body;
  for (std::size_t i = 0; i < sums; ++i) {
    text += "st.global.u32 [%x+" + std::to_string(i * kThreads * 4) + "], %d" + std::to_string(i) +
            ";\n";
  }
  return text + "ret;\n}\n";
}

struct Data {
  std::vector<std::uint32_t> a;  ///< as stored, 64 lines
  std::vector<std::uint32_t> b;
  std::vector<std::uint32_t> c;                      ///< 64 x n
  std::vector<std::vector<std::uint32_t>> metadata;  ///< by row, four bits a group
};

std::size_t stored_k(const WgmmaCase& test) {
  const std::size_t k = test.unit.kind == UnitKind::wgmma_bits ? test.unit.k / 32 : test.unit.k;
  return test.sparse ? k / 2 : k;
}
std::size_t whole_k(const WgmmaCase& test) {
  return test.unit.kind == UnitKind::wgmma_bits ? test.unit.k / 32 : test.unit.k;
}

Data draw(const WgmmaCase& test, unsigned seed) {
  std::mt19937 random(seed);
  const auto code = [&] {
    const auto bits = static_cast<std::uint32_t>(random());
    if (test.unit.kind != UnitKind::wgmma) {
      return test.bits == 8 ? bits & 0xff : bits;
    }
    // Around one, so that sums mean something in every type.
    switch (test.unit.format_a) {
      case Format::bf16:
        return (bits & 0x807f) | (0x7eU + (bits >> 20) % 3) << 7;
      case Format::f16:
        return (bits & 0x83ff) | (14U + (bits >> 20) % 3) << 10;
      case Format::tf32:
        return (bits & 0x807fe000) | (0x7eU + (bits >> 8 & 1)) << 23;
      default:
        return (bits & 0x83) | (13U + (bits >> 20) % 4) << 2;
    }
  };
  Data data;
  data.a.resize(64 * stored_k(test));
  data.b.resize(test.n * whole_k(test));
  data.c.resize(64 * test.n);
  for (auto* codes : {&data.a, &data.b}) {
    for (auto& each : *codes) {
      each = code();
    }
  }
  for (auto& each : data.c) {
    const auto bits = static_cast<std::uint32_t>(random());
    each = half_sums(test)                     ? (bits & 0x83ff) | 16U << 10
           : test.unit.kind == UnitKind::wgmma ? (bits & 0x807fffff) | 0x81U << 23
                                               : bits;
  }
  constexpr std::uint32_t kPairs[] = {0b0100, 0b1000, 0b1100, 0b1001, 0b1101, 0b1110};
  constexpr std::uint32_t kHalves[] = {0b0100, 0b1110};
  const std::size_t groups = test.sparse ? test.unit.k / (test.bits == 32 ? 2 : 4) : 0;
  for (std::size_t row = 0; row < 64; ++row) {
    std::vector<std::uint32_t> words(2);
    for (std::size_t g = 0; g < groups; ++g) {
      const std::uint32_t nibble =
          test.bits == 32 ? kHalves[random() % 2] : kPairs[random() % std::size(kPairs)];
      words[g / 8] |= nibble << (g % 8 * 4);
    }
    data.metadata.push_back(words);
  }
  return data;
}

// Byte of an element: K-major rows of 64 (A) or 128 (B) bytes with their swizzles; MN-major rows of
// 128 bytes, 64 lines each.
std::size_t place(const WgmmaCase& test, bool is_a, std::size_t line, std::size_t k) {
  const std::size_t bytes = static_cast<std::size_t>(test.bits) / 8;
  if (is_a ? test.a_mn_major : test.b_mn_major) {
    const std::size_t chunk = line % 64 * bytes / 16;
    return line / 64 * 2048 + k / 8 * 1024 + k % 8 * 128 + (chunk ^ k % 8) * 16 + line * bytes % 16;
  }
  const std::size_t chunk = k * bytes / 16;
  return is_a ? line * 64 + (chunk ^ line % 8 / 2) * 16 + k * bytes % 16
              : line * 128 + (chunk ^ line % 8) * 16 + k * bytes % 16;
}
std::uint64_t descriptor(const WgmmaCase& test, bool is_a) {
  const bool mn_major = is_a ? test.a_mn_major : test.b_mn_major;
  const std::uint64_t start = is_a ? 0 : kPlaceOfB;
  const std::uint64_t leading = mn_major ? 2048 : 16;
  const std::uint64_t stride = mn_major || !is_a ? 1024 : 512;
  const std::uint64_t swizzle = mn_major || !is_a ? 1 : 2;
  return start >> 4 | leading >> 4 << 16 | stride >> 4 << 32 | swizzle << 62;
}

std::vector<std::uint32_t> expected(const WgmmaCase& test, const Data& data) {
  const std::size_t k = whole_k(test);
  std::vector<std::uint32_t> d(64 * test.n);
  for (std::size_t row = 0; row < 64; ++row) {
    std::vector<std::uint32_t> a(
        data.a.begin() + static_cast<std::ptrdiff_t>(row * stored_k(test)),
        data.a.begin() + static_cast<std::ptrdiff_t>((row + 1) * stored_k(test)));
    if (test.sparse) {
      std::vector<std::uint32_t> spread(k);
      tensor::spread_sparse_row(test.bits == 32 ? tensor::SparsityPattern::one_of_two
                                                : tensor::SparsityPattern::two_of_four,
                                a, data.metadata[row], spread);
      a = spread;
    }
    for (std::size_t column = 0; column < test.n; ++column) {
      d[row * test.n + column] =
          multiply_element(test.unit, a.data(), &data.b[column * k], nullptr, nullptr,
                           test.accumulates ? data.c[row * test.n + column] : 0);
    }
  }
  return d;
}

// Word `r` of D of a thread: f32 and s32 one element, f16 two.
std::uint32_t sum_word(const WgmmaCase& test, const std::vector<std::uint32_t>& sums,
                       std::size_t thread, std::size_t r) {
  const auto element = [&](std::size_t i) {
    const std::size_t row = thread / 32 * 16 + thread % 32 / 4 + (i / 2 % 2) * 8;
    return sums[row * test.n + i / 4 * 8 + thread % 4 * 2 + i % 2];
  };
  return half_sums(test) ? element(2 * r) | element(2 * r + 1) << 16 : element(r);
}

std::uint32_t operand_word(const WgmmaCase& test, const Data& data, std::size_t thread,
                           std::size_t r) {
  const std::size_t per = 32 / static_cast<std::size_t>(test.bits);
  const std::size_t row = thread / 32 * 16 + thread % 32 / 4 + (r & 1) * 8;
  std::uint32_t word = 0;
  for (std::size_t j = 0; j < per; ++j) {
    const std::size_t k = (r >> 1) * 4 * per + thread % 4 * per + j;
    word |= data.a[row * stored_k(test) + k] << (j * static_cast<std::size_t>(test.bits));
  }
  return word;
}

// 16- and 32-bit types: the pair of threads that the selector names holds the two halves of K of
// rows g and g + 8; 8-bit types: threads 0 and 1 the lower half of K of the two rows, 2 and 3 the
// upper one.
std::uint32_t metadata_word(const WgmmaCase& test, const Data& data, std::size_t thread) {
  const std::size_t row = thread / 32 * 16 + thread % 32 / 4;
  const std::size_t t = thread % 4;
  if (test.bits == 8) {
    return data.metadata[row + (t & 1) * 8][t >> 1];
  }
  if (static_cast<int>(t / 2) != test.selector) {
    return 0;  // no legal metadata: nobody may read it
  }
  const std::size_t shift = (t & 1) * 16;
  return (data.metadata[row][0] >> shift & 0xffff) | (data.metadata[row + 8][0] >> shift & 0xffff)
                                                         << 16;
}

class Harness {
 public:
  Harness(const WgmmaCase& test, const std::string& body, unsigned seed = 1,
          const std::string& proxy_fence = kProxyFence)
      : runner(kernel(test, body, proxy_fence), 90), data(draw(test, seed)), test_(test) {
    runner.config().block = {kThreads, 1, 1};
    runner.config().seed = seed;
  }
  Outcome run() {
    const std::size_t sums = sum_registers(test_);
    Buffer out(runner.addresses(), sums * kThreads * 4);
    Buffer in(runner.addresses(), (sums + 5) * kThreads * 4);
    Buffer image(runner.addresses(), kImageBytes);
    const auto put = [&](bool is_a, std::size_t line, std::size_t k, std::uint32_t code) {
      std::memcpy(image.as<std::byte>() + (is_a ? 0 : kPlaceOfB) + place(test_, is_a, line, k),
                  &code, static_cast<std::size_t>(test_.bits) / 8);
    };
    for (std::size_t i = 0; i < data.a.size(); ++i) {
      // The image does not hold what registers do.
      put(true, i / stored_k(test_), i % stored_k(test_), test_.a_in_registers ? 0 : data.a[i]);
    }
    for (std::size_t i = 0; i < data.b.size(); ++i) {
      put(false, i / whole_k(test_), i % whole_k(test_), data.b[i]);
    }
    for (std::size_t thread = 0; thread < kThreads; ++thread) {
      for (std::size_t r = 0; r < sums; ++r) {
        in.as<std::uint32_t>()[r * kThreads + thread] = sum_word(test_, data.c, thread, r);
      }
      for (std::size_t r = 0; r < 4; ++r) {
        in.as<std::uint32_t>()[(sums + r) * kThreads + thread] =
            operand_word(test_, data, thread, r);
      }
      in.as<std::uint32_t>()[(sums + 4) * kThreads + thread] = metadata_word(test_, data, thread);
    }
    Outcome outcome =
        runner.run("k", out.address(), in.address(), image.address(), descriptor(test_, true),
                   descriptor(test_, false), std::uint32_t{test_.accumulates});
    result.assign(out.as<std::uint32_t>(), out.as<std::uint32_t>() + sums * kThreads);
    return outcome;
  }
  std::string fault() {
    const Outcome outcome = run();
    return outcome.fault ? outcome.fault->message : "no fault";
  }

  KernelRunner runner;
  Data data;
  std::vector<std::uint32_t> result;

 private:
  WgmmaCase test_;
};

std::string multiply(const WgmmaCase& test) {
  return mnemonic(test) + " " + operands(test) + ";\n";
}
constexpr const char* kFence = "wgmma.fence.sync.aligned;\n";
constexpr const char* kCommit = "wgmma.commit_group.sync.aligned;\n";
constexpr const char* kWait = "wgmma.wait_group.sync.aligned 0;\n";

class Wgmma : public ::testing::TestWithParam<WgmmaCase> {};

TEST_P(Wgmma, EqualsTheDefinition) {
  const WgmmaCase& test = GetParam();
  Harness harness(test, kFence + multiply(test) + kCommit + kWait);
  const Outcome outcome = harness.run();
  ASSERT_FALSE(outcome.fault) << outcome.fault->message;
  const std::vector<std::uint32_t> sums = expected(test, harness.data);
  for (std::size_t i = 0; i < harness.result.size(); ++i) {
    ASSERT_EQ(harness.result[i], sum_word(test, sums, i % kThreads, i / kThreads))
        << "register " << i / kThreads << " of thread " << i % kThreads;
  }
  const double flops = 2.0 * 64 * static_cast<double>(test.n * test.unit.k);
  const GridCounters& counts = outcome.counters;
  EXPECT_EQ(
      counts.mma_flops_f16 + counts.mma_flops_tf32 + counts.mma_flops_fp8 + counts.mma_ops_integer,
      flops);
}

INSTANTIATE_TEST_SUITE_P(All, Wgmma, ::testing::ValuesIn(cases()),
                         [](const auto& instance) { return instance.param.name; });

// Three groups: every moment of landing gives the same sums, and wait_group 1 frees the first two.
TEST(WgmmaOrder, ChainsAccumulateAtEveryMoment) {
  const WgmmaCase test = cases()[0];
  const std::string chain = kFence + multiply(test) + multiply(test) + kCommit + multiply(test) +
                            kCommit + "wgmma.wait_group.sync.aligned 1;\n" + multiply(test) +
                            kCommit + kWait;
  for (unsigned seed = 1; seed < 8; ++seed) {
    Harness harness(test, chain, seed);
    const Outcome outcome = harness.run();
    ASSERT_FALSE(outcome.fault) << outcome.fault->message;
    Data data = harness.data;
    for (int step = 0; step < 4; ++step) {
      data.c = expected(test, data);
    }
    for (std::size_t i = 0; i < harness.result.size(); ++i) {
      ASSERT_EQ(harness.result[i], sum_word(test, data.c, i % kThreads, i / kThreads)) << seed;
    }
  }
}

TEST(WgmmaFaults, NameTheRule) {
  const WgmmaCase test = cases()[0];
  WgmmaCase registers = test;
  registers.a_in_registers = true;
  const auto fault = [](const WgmmaCase& each, const std::string& body) {
    return Harness(each, body).fault();
  };
  const auto has = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  has(fault(test, multiply(test) + kCommit + kWait), "without wgmma.fence");
  has(fault(test, kFence + multiply(test) + kCommit), "a register of an operation in flight");
  has(fault(test, kFence + multiply(test) + kCommit + "wgmma.wait_group.sync.aligned 1;\n"),
      "a register of an operation in flight");
  // Without commit no group waits for it.
  has(fault(test, kFence + multiply(test) + kWait), "a register of an operation in flight");
  has(fault(test, kFence + multiply(test) + kCommit + "add.f32 %d0, %d0, %d1;\n" + kWait),
      "a register of an operation in flight");
  has(fault(registers, kFence + multiply(registers) + kCommit + "add.u32 %a0, %a0, 1;\n" + kWait),
      "writes a register of an operation in flight");
  // Reading A while it is read is no conflict; changing it between two batches needs a fence.
  EXPECT_EQ(
      fault(registers, kFence + multiply(registers) + kCommit + "add.u32 %v, %a0, 1;\n" + kWait),
      "no fault");
  const std::string change = std::string(kCommit) + kWait + "add.u32 %a0, %a0, 1;\n";
  has(fault(registers,
            kFence + multiply(registers) + change + multiply(registers) + kCommit + kWait),
      "without wgmma.fence");
  EXPECT_EQ(fault(registers, kFence + multiply(registers) + change + kFence + multiply(registers) +
                                 kCommit + kWait),
            "no fault");
  // So does overwriting sums that were read.
  const std::string look = std::string(kCommit) + kWait + "add.u32 %v, %d0, 1;\n";
  has(fault(test, kFence + multiply(test) + look + multiply(test) + kCommit + kWait),
      "without wgmma.fence");
  EXPECT_EQ(fault(test, kFence + multiply(test) + look + kFence + multiply(test) + kCommit + kWait),
            "no fault");
  has(fault(test,
            std::string("add.s64 %db, %db, 0x1e00;\n") + kFence + multiply(test) + kCommit + kWait),
      "of shared memory, which ends at");
  has(fault(test, std::string("or.b64 %db, %db, 0x10000000000000;\n") + kFence + multiply(test) +
                      kCommit + kWait),
      "bits 52 to 61");
  EXPECT_EQ(fault(test, std::string("or.b64 %db, %db, 0xc000;\n") + kFence + multiply(test) +
                            kCommit + kWait),
            "no fault");
  // Shared memory is read through the async proxy, until the wait.
  const std::string product = std::string(kFence) + multiply(test) + kCommit + kWait;
  has(Harness(test, product + kProxyFence, 1, "").fault(), "no fence.proxy.async");
  // Of a kernel without any it is not demanded.
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(Harness(test, product, 1, "").fault(), "no fault");
  const std::string noted = ::testing::internal::GetCapturedStderr();
  has(noted, "note: device 0: kernel 'k', PTX line");
  has(noted, "no fence.proxy.async");
  has(fault(test, std::string(kFence) + multiply(test) + kCommit +
                      "mov.u32 %s, smem;\nst.shared.u32 [%s], %c;\n" + kWait),
      "is not ordered after");
  // Products in flight help nobody who waits for an mbarrier.
  has(fault(test,
            "mov.u32 %s, smem;\nsetp.eq.u32 %q, %i, 0;\n@%q mbarrier.init.shared.b64 "
            "[%s+90112], 1;\nbar.sync 0;\n" +
                (kFence + multiply(test)) + kCommit +
                "POLL:\nmbarrier.try_wait.parity.shared.b64 %q, [%s+90112], 0;\n"
                "@!%q bra POLL;\n" +
                kWait),
      "deadlock: nothing can progress; it polls 8 bytes at shared address");
  Harness half(test, kFence + multiply(test) + kCommit + kWait);
  half.runner.config().block = {64, 1, 1};
  has(half.fault(), "warpgroup");
}

}  // namespace
}  // namespace rackproof::emulator::exec::testing
