// mma.sp of all shapes: elements and metadata are placed by the figures of PTX ISA 9.0, section
// 9.7.14.6, one at a time; the sums are those of the definition over all of K, in integers.
#include "tests/emulator/exec/kernel_runner.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace rackproof::emulator::exec::testing {
namespace {

struct SparseCase {
  std::string shape;
  std::string types;
  int k;
  int bits;      // of an element
  int selector;  // which thread, or which two of four, hold the metadata
};

std::uint32_t code_of(int value, int bits) {
  if (bits == 32) {
    return std::bit_cast<std::uint32_t>(static_cast<float>(value));
  }
  if (bits < 16) {
    return static_cast<std::uint32_t>(value) & ((1U << bits) - 1);
  }
  if (value == 0) {
    return 0;
  }
  const auto magnitude = static_cast<unsigned>(std::abs(value));
  const auto exponent = static_cast<unsigned>(std::bit_width(magnitude)) - 1;
  return (value < 0 ? 0x8000U : 0U) | (exponent + 15) << 10 |
         ((magnitude << (10 - exponent)) & 0x3ff);
}

std::string registers(int first, int count) {
  std::string text = "{";
  for (int i = 0; i < count; ++i) {
    text += (i == 0 ? "%r" : ", %r") + std::to_string(first + i);
  }
  return text + "}";
}

struct Registers {
  std::vector<std::uint32_t> words;  // 32 lanes a register
  std::uint32_t& at(int reg, int lane) { return words[static_cast<std::size_t>(reg * 32 + lane)]; }
};

class Product {
 public:
  explicit Product(const SparseCase& test)
      : test_(test),
        stored_(test.k / 2),
        a_registers_(16 * stored_ * test.bits / 1024),
        b_registers_(8 * test.k * test.bits / 1024),
        in_{std::vector<std::uint32_t>(
            static_cast<std::size_t>(32 * (a_registers_ + b_registers_ + 5)))} {}

  /// "": right; else what was wrong, or the fault. `metadata_change`: XORed into each word of it.
  std::string run(std::uint32_t metadata_change = 0) {
    place();
    const int c = a_registers_ + b_registers_;
    for (int lane = 0; lane < 32; ++lane) {
      in_.at(c + 4, lane) ^= metadata_change;
    }
    std::string body =
        ".visible .entry k(.param .u64 out, .param .u64 in)\n{\n.reg .b32 %i, %r<64>, %d<4>;\n.reg "
        ".b64 %x, %y, %o;\nld.param.u64 %x, [out];\nld.param.u64 %y, [in];\nmov.u32 %i, %tid.x;\n"
        "mul.wide.u32 %o, %i, 4;\nadd.s64 %x, %x, %o;\nadd.s64 %y, %y, %o;\n";
    for (int i = 0; i < c + 5; ++i) {
      body += "ld.global.b32 %r" + std::to_string(i) + ", [%y+" + std::to_string(128 * i) + "];\n";
    }
    body += "mma." + test_.shape + ".row.col." + test_.types + " {%d0, %d1, %d2, %d3}, " +
            registers(0, a_registers_) + ", " + registers(a_registers_, b_registers_) + ", " +
            registers(c, 4) + ", %r" + std::to_string(c + 4) + ", " +
            std::to_string(test_.selector) + ";\n";
    for (int i = 0; i < 4; ++i) {
      body += "st.global.b32 [%x+" + std::to_string(128 * i) + "], %d" + std::to_string(i) + ";\n";
    }
    KernelRunner runner(header("sm_80") + body + "ret;\n}\n", 80);
    Buffer out(runner.addresses(), 512);
    Buffer in(runner.addresses(), in_.words.size() * 4);
    std::copy(in_.words.begin(), in_.words.end(), in.as<std::uint32_t>());
    const Outcome outcome = runner.run("k", out.address(), in.address());
    if (outcome.fault) {
      return outcome.fault->message;
    }
    for (int lane = 0; lane < 32; ++lane) {
      for (int i = 0; i < 4; ++i) {
        const int row = lane / 4 + (i < 2 ? 0 : 8);
        const int column = lane % 4 * 2 + (i & 1);
        const std::uint32_t word = out.as<std::uint32_t>()[i * 32 + lane];
        const int sum = test_.bits >= 16 ? static_cast<int>(std::bit_cast<float>(word))
                                         : static_cast<int>(word);
        if (sum != expected_[static_cast<std::size_t>(row * 8 + column)]) {
          return "row " + std::to_string(row) + ", column " + std::to_string(column);
        }
      }
    }
    return "";
  }

 private:
  int number() { return static_cast<int>(random_() % 7) - 3; }

  void place() {
    std::vector<int> a(static_cast<std::size_t>(16 * test_.k));
    std::vector<int> b(static_cast<std::size_t>(8 * test_.k));
    for (int& value : b) {
      value = number();
    }
    // One index moves `unit` elements; two of four such, or of tf32 one of two.
    const int unit = test_.bits == 4 ? 2 : 1;
    const int group = test_.bits == 32 ? 2 : 4 * unit;
    std::array<std::array<std::uint32_t, 2>, 16> metadata{};
    std::vector<int> stored(static_cast<std::size_t>(16 * stored_));
    for (int row = 0; row < 16; ++row) {
      for (int g = 0; g < test_.k / group; ++g) {
        int first = static_cast<int>(random_() % 3);
        int second = first + 1 + static_cast<int>(random_() % static_cast<unsigned>(3 - first));
        if (test_.bits == 32) {
          first = random_() % 2 == 0 ? 0 : 2;  // the halves of one element
          second = first + 1;
        }
        metadata[static_cast<std::size_t>(row)][static_cast<std::size_t>(g / 8)] |=
            static_cast<std::uint32_t>(first | second << 2) << (g % 8 * 4);
        for (int i = 0; i < group / 2; ++i) {
          const int value = number();
          const int at = test_.bits == 32 ? first / 2
                         : i < unit       ? first * unit + i
                                          : second * unit + i - unit;
          stored[static_cast<std::size_t>(row * stored_ + g * group / 2 + i)] = value;
          a[static_cast<std::size_t>(row * test_.k + g * group + at)] = value;
        }
      }
    }
    const int per = 32 / test_.bits;
    for (int lane = 0; lane < 32; ++lane) {
      const int g = lane / 4;
      const int t = lane % 4;
      for (int reg = 0; reg < a_registers_; ++reg) {
        for (int j = 0; j < per; ++j) {
          const int row = g + 8 * (reg & 1);
          const int at = t * per + j + (reg >> 1) * 4 * per;
          in_.at(reg, lane) |=
              code_of(stored[static_cast<std::size_t>(row * stored_ + at)], test_.bits)
              << (j * test_.bits % 32);
        }
      }
      for (int reg = 0; reg < b_registers_; ++reg) {
        for (int j = 0; j < per; ++j) {
          const int at = t * per + j + reg * 4 * per;
          in_.at(a_registers_ + reg, lane) |=
              code_of(b[static_cast<std::size_t>(g * test_.k + at)], test_.bits)
              << (j * test_.bits % 32);
        }
      }
      for (int i = 0; i < 4; ++i) {
        const int row = g + (i < 2 ? 0 : 8);
        const int column = t * 2 + (i & 1);
        const int c = number();
        in_.at(a_registers_ + b_registers_ + i, lane) =
            test_.bits >= 16 ? code_of(c, 32) : static_cast<std::uint32_t>(c);
        int sum = c;
        for (int k = 0; k < test_.k; ++k) {
          sum += a[static_cast<std::size_t>(row * test_.k + k)] *
                 b[static_cast<std::size_t>(column * test_.k + k)];
        }
        expected_[static_cast<std::size_t>(row * 8 + column)] = sum;
      }
      // The figures of the metadata: bits a row has, and which thread has them. Others hold noise.
      const int bits = test_.k / group * 4;
      std::uint32_t& word = in_.at(a_registers_ + b_registers_ + 4, lane);
      const auto& low = metadata[static_cast<std::size_t>(g)];
      const auto& high = metadata[static_cast<std::size_t>(g + 8)];
      word = static_cast<std::uint32_t>(random_());
      if (bits == 16 && t == test_.selector) {
        word = low[0] | high[0] << 16;
      } else if (bits == 32 && t / 2 == test_.selector) {
        const int half = t % 2;
        word = test_.bits >= 16 ? (low[0] >> (16 * half) & 0xffff) | (high[0] >> (16 * half)) << 16
               : half == 0      ? low[0]
                                : high[0];
      } else if (bits == 64) {
        word = (t % 2 == 0 ? low : high)[static_cast<std::size_t>(t / 2)];
      }
    }
  }

  SparseCase test_;
  int stored_;
  int a_registers_;
  int b_registers_;
  Registers in_;
  std::array<int, 128> expected_{};
  std::mt19937 random_{11};
};

const SparseCase kCases[] = {
    {"sp.sync.aligned.m16n8k16", "f32.f16.f16.f32", 16, 16, 0},
    {"sp.sync.aligned.m16n8k16", "f32.f16.f16.f32", 16, 16, 3},
    {"sp::ordered_metadata.sync.aligned.m16n8k32", "f32.f16.f16.f32", 32, 16, 0},
    {"sp.sync.aligned.m16n8k32", "f32.f16.f16.f32", 32, 16, 1},
    {"sp.sync.aligned.m16n8k8", "f32.tf32.tf32.f32", 8, 32, 2},
    {"sp.sync.aligned.m16n8k16", "f32.tf32.tf32.f32", 16, 32, 1},
    {"sp.sync.aligned.m16n8k32", "s32.s8.s8.s32", 32, 8, 1},
    {"sp::ordered_metadata.sync.aligned.m16n8k64", "s32.s8.s8.s32", 64, 8, 0},
    {"sp.sync.aligned.m16n8k64", "s32.s4.s4.s32", 64, 4, 0},
    {"sp.sync.aligned.m16n8k128", "s32.s4.s4.s32", 128, 4, 0},
};

TEST(SparseMatrix, MultipliesWhatMetadataSelects) {
  for (const SparseCase& test : kCases) {
    EXPECT_EQ(Product(test).run(), "") << test.shape << ' ' << test.types << ' ' << test.selector;
  }
}

TEST(SparseMatrix, RefusesMetadataThatIsNone) {
  // Both indices of a group the same.
  EXPECT_NE(Product(kCases[2]).run(0xffffffff).find("indices"), std::string::npos);
  SparseCase wrong = kCases[2];
  wrong.selector = 2;
  EXPECT_THROW((void)Product(wrong).run(), UnsupportedInstruction);
}

}  // namespace
}  // namespace rackproof::emulator::exec::testing
