// tcgen05 on tensor memory: allocation, fragments of ld and st, copies, and products in every
// layout of D. Operands are small integers and powers of two, so every product is exact and the
// expected sums are plain loops over the definition (PTX ISA 9.0, section 9.7.16).
#include "emulator/tensor/tensor_fragment.hpp"
#include "emulator/tensor/tensor_operation.hpp"
#include "emulator/tensor/zero_columns.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace rackproof::emulator::tensor {
namespace {

constexpr std::uint32_t kSharedBytes = 128 * 1024;

struct Machine {
  std::array<TensorMemory, 2> memory;
  std::array<std::vector<std::byte>, 2> shared;
  TensorSides sides;

  explicit Machine(std::uint32_t count) {
    sides.count = count;
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(memory[i].allocate(512), 0U);
      shared[i].resize(kSharedBytes);
      sides.side[i] = {&memory[i], shared[i].data(), 0, kSharedBytes};
    }
  }
};

// No swizzle, K-major: 8 rows x 16 bytes in a row, then along K, then the next 8 rows.
std::uint32_t plain_offset(std::uint32_t row, std::uint32_t byte, std::uint32_t row_bytes) {
  return row / 8 * (8 * row_bytes) + byte / 16 * 128 + row % 8 * 16 + byte % 16;
}
std::uint64_t plain_descriptor(std::uint32_t start, std::uint32_t row_bytes) {
  constexpr std::uint64_t kVersion = std::uint64_t{1} << 46;
  return kVersion | start >> 4 | std::uint64_t{128 >> 4} << 16 |
         std::uint64_t{8 * row_bytes >> 4} << 32;
}

std::uint32_t half_code(int value) {  // f16 of an integer within 2048
  if (value == 0) {
    return 0;
  }
  const auto magnitude = static_cast<unsigned>(value < 0 ? -value : value);
  const auto exponent = static_cast<unsigned>(std::bit_width(magnitude)) - 1;
  return (value < 0 ? 0x8000U : 0U) | (exponent + 15) << 10 |
         ((magnitude << (10 - exponent)) & 0x3ffU);
}
float sum_of(const TensorMemory& memory, std::uint32_t lane, std::uint32_t column) {
  return std::bit_cast<float>(memory.row(lane)[column]);
}

TEST(TensorMemory, AllocationFollowsTheRules) {
  TensorMemory memory;
  EXPECT_EQ(memory.allocate(128), 0U);
  EXPECT_EQ(memory.allocate(256), 128U);
  EXPECT_EQ(memory.allocate(256), std::nullopt);
  EXPECT_EQ(memory.allocate(128), 384U);
  EXPECT_EQ(memory.allocated_columns(), 512U);
  EXPECT_THROW(memory.release(160, 32), TensorMemoryError);
  EXPECT_THROW(memory.release(128, 128), TensorMemoryError);
  memory.release(128, 256);
  EXPECT_THROW(memory.release(128, 256), TensorMemoryError);
  EXPECT_THROW(memory.require({0, 100}, 1, 64, "ld"), TensorMemoryError);
  EXPECT_NO_THROW(memory.require({96, 64}, 32, 64, "ld"));
  EXPECT_THROW(memory.require({112, 0}, 32, 1, "ld"), TensorMemoryError);
  memory.mark_written(3, 60, 10);
  EXPECT_EQ(memory.first_unwritten(3, 60, 10), kTensorColumns);
  EXPECT_EQ(memory.first_unwritten(3, 58, 12), 58U);
  EXPECT_THROW(memory.require_written(3, 62, 9, "ld"), TensorMemoryError);
  memory.release(0, 128);
  EXPECT_EQ(memory.allocate(64), 0U);
  EXPECT_EQ(memory.first_unwritten(3, 60, 1), 60U);
  for (const std::uint32_t columns : {0U, 16U, 96U, 1024U}) {
    EXPECT_THROW((void)memory.allocate(columns), TensorMemoryError);
  }
  memory.relinquish();
  EXPECT_THROW((void)memory.allocate(32), TensorMemoryError);
}

TEST(TensorMemory, FragmentsCoverTheirCellsOnce) {
  for (const auto shape : {FragmentShape::s32x32b, FragmentShape::s16x64b, FragmentShape::s16x128b,
                           FragmentShape::s16x256b, FragmentShape::s16x32bx2}) {
    for (const std::uint32_t repeat : {1U, 2U, 8U}) {
      for (const bool packed : {false, true}) {
        FragmentLayout layout{shape, repeat, 0, packed};
        layout.split = shape == FragmentShape::s16x32bx2 ? repeat * (packed ? 2 : 1) : 0;
        std::set<std::pair<std::uint32_t, std::uint32_t>> cells;
        for (std::uint32_t thread = 0; thread < 32; ++thread) {
          for (std::uint32_t reg = 0; reg < layout.registers(); ++reg) {
            for (std::uint32_t part = 0; part < layout.cells_per_register(); ++part) {
              const FragmentCell cell = layout.cell(thread, reg, part);
              EXPECT_LT(cell.lane, layout.lanes());
              EXPECT_LT(cell.column, layout.columns());
              EXPECT_TRUE(cells.emplace(cell.lane, cell.column).second);
            }
          }
        }
        EXPECT_EQ(cells.size(), std::size_t{layout.lanes()} * layout.columns());
      }
    }
  }
  // Places read off the figures of the ISA, thread 9: lanes of its group, and columns.
  const auto place = [](FragmentShape shape, std::uint32_t reg) {
    const FragmentCell cell = FragmentLayout{shape, 4, 32, false}.cell(9, reg, 0);
    return std::pair(cell.lane, cell.column);
  };
  EXPECT_EQ(place(FragmentShape::s16x64b, 1), std::pair(10U, 2U));
  EXPECT_EQ(place(FragmentShape::s16x128b, 3), std::pair(10U, 5U));
  EXPECT_EQ(place(FragmentShape::s16x256b, 2), std::pair(10U, 2U));
  EXPECT_EQ(place(FragmentShape::s16x256b, 5), std::pair(2U, 11U));
}

struct LayoutCase {
  std::string name;
  std::uint32_t m;
  std::uint32_t n;
  std::uint32_t cta_group;
  bool weight_stationary;
  bool a_in_tensor_memory;
  std::uint32_t base_lane;
};
void PrintTo(const LayoutCase& test, std::ostream* out) {
  *out << test.name;
}

// Lane and column of element (row, column) within its CTA, by the figures of section 9.7.16.10.5.
std::pair<std::uint32_t, std::uint32_t> place_of(const LayoutCase& test, std::uint32_t row,
                                                 std::uint32_t column) {
  const std::uint32_t rows = test.m / test.cta_group;
  if (rows == 128) {
    return {row, column};
  }
  if (test.weight_stationary || test.cta_group == 2) {
    const std::uint32_t width = test.n * rows / 128;
    return {column / width * rows + row, column % width};
  }
  return {test.base_lane + row / 16 * 32 + row % 16, column};
}

class Layouts : public ::testing::TestWithParam<LayoutCase> {};

TEST_P(Layouts, OfProductsInHalfPrecision) {
  const LayoutCase& test = GetParam();
  constexpr std::uint32_t kK = 16;
  constexpr std::uint32_t kColumn = 64;
  constexpr std::uint32_t kAColumn = 400;
  Machine machine(test.cta_group);
  std::mt19937 random(7);
  const auto number = [&] { return static_cast<int>(random() % 17) - 8; };
  std::vector<int> a(test.m * kK);
  std::vector<int> b(test.n * kK);
  for (int& value : a) {
    value = number();
  }
  for (int& value : b) {
    value = number();
  }
  const std::uint32_t rows = test.m / test.cta_group;
  const std::uint32_t lines = test.n / test.cta_group;
  constexpr std::uint32_t kB = 32768;
  const auto put = [&](std::uint32_t side, std::uint32_t start, std::uint32_t row, std::uint32_t k,
                       int value) {
    const auto code = static_cast<std::uint16_t>(half_code(value));
    std::memcpy(&machine.shared[side][start + plain_offset(row, 2 * k, 2 * kK)], &code, 2);
  };
  for (std::uint32_t k = 0; k < kK; ++k) {
    for (std::uint32_t row = 0; row < test.m; ++row) {
      const std::uint32_t side = row / rows;
      put(side, 0, row % rows, k, a[row * kK + k]);
      if (test.a_in_tensor_memory) {
        // Every part of D has A in its own lanes.
        const std::uint32_t parts =
            rows == 128 || place_of(test, 0, test.n - 1).first == test.base_lane ? 1 : 128 / rows;
        for (std::uint32_t part = 0; part < parts; ++part) {
          const std::uint32_t lane = place_of(test, row % rows, part * (test.n / parts)).first;
          std::uint32_t& cell = machine.memory[side].row(lane)[kAColumn + k / 2];
          cell = k % 2 == 0 ? half_code(a[row * kK + k]) : cell | half_code(a[row * kK + k]) << 16;
          machine.memory[side].mark_written(lane, kAColumn + k / 2, 1);
        }
      }
    }
    for (std::uint32_t line = 0; line < test.n; ++line) {
      put(line / lines, kB, line % lines, k, b[line * kK + k]);
    }
  }
  InstructionContext context;
  context.cta_group = test.cta_group;
  context.weight_stationary = test.weight_stationary;
  context.a_in_tensor_memory = test.a_in_tensor_memory;
  TensorMultiply multiply;
  multiply.instruction =
      decode_instruction_descriptor(1U << 4 | test.n / 8 << 17 | test.m / 16 << 24, context);
  multiply.cta_group = test.cta_group;
  multiply.weight_stationary = test.weight_stationary;
  multiply.a_in_tensor_memory = test.a_in_tensor_memory;
  multiply.d = kColumn | test.base_lane << 16;
  multiply.a =
      test.a_in_tensor_memory ? kAColumn | test.base_lane << 16 : plain_descriptor(0, 2 * kK);
  multiply.b = plain_descriptor(kB, 2 * kK);
  // First D = A B, then twice D = A B + D with every third lane left alone and D halved.
  multiply.accumulates = false;
  multiply.validate(machine.sides);
  multiply.perform(machine.sides);
  multiply.accumulates = true;
  for (std::uint32_t lane = 0; lane < 128 * test.cta_group; lane += 3) {
    multiply.disabled_lanes[lane / 32] |= test.weight_stationary ? 0 : 1U << (lane % 32);
  }
  multiply.instruction.unit.input_shift = 1;
  multiply.perform(machine.sides);
  for (std::uint32_t row = 0; row < test.m; ++row) {
    for (std::uint32_t column = 0; column < test.n; ++column) {
      int product = 0;
      for (std::uint32_t k = 0; k < kK; ++k) {
        product += a[row * kK + k] * b[column * kK + k];
      }
      const auto [lane, at] = place_of(test, row % rows, column);
      const bool disabled = !test.weight_stationary && (row / rows * 128 + lane) % 3 == 0;
      const float expected = static_cast<float>(product) * (disabled ? 1.0F : 1.5F);
      ASSERT_EQ(sum_of(machine.memory[row / rows], lane, kColumn + at), expected)
          << row << ' ' << column;
    }
  }
  EXPECT_EQ(machine.memory[0].first_unwritten(64, kColumn + test.n, 1), kColumn + test.n);
}

INSTANTIATE_TEST_SUITE_P(
    All, Layouts,
    ::testing::Values(LayoutCase{"D", 128, 64, 1, false, false, 0},
                      LayoutCase{"D_A_in_tensor_memory", 128, 32, 1, false, true, 0},
                      LayoutCase{"F", 64, 64, 1, false, false, 0},
                      LayoutCase{"F_upper_half", 64, 32, 1, false, true, 16},
                      LayoutCase{"A", 256, 64, 2, false, false, 0},
                      LayoutCase{"A_A_in_tensor_memory", 256, 64, 2, false, true, 0},
                      LayoutCase{"B", 128, 64, 2, false, false, 0},
                      LayoutCase{"B_A_in_tensor_memory", 128, 64, 2, false, true, 0},
                      LayoutCase{"E", 64, 64, 1, true, false, 0},
                      LayoutCase{"G", 32, 64, 1, true, true, 0},
                      LayoutCase{"D_weight_stationary", 128, 64, 1, true, false, 0}),
    [](const auto& each) { return each.param.name; });

// .ashift: row i of A is what lies one lane further, but for the last row.
TEST(TensorMemory, ShiftedRowsOfA) {
  constexpr std::uint32_t kN = 16;
  constexpr std::uint32_t kAColumn = 400;
  constexpr std::uint32_t kB = 32768;
  Machine machine(1);
  for (std::uint32_t lane = 0; lane < 128; ++lane) {
    for (std::uint32_t k = 0; k < 8; ++k) {
      // A[lane][0] = lane % 8, the rest zeros.
      machine.memory[0].row(lane)[kAColumn + k] =
          k == 0 ? half_code(static_cast<int>(lane % 8)) : 0U;
    }
    machine.memory[0].mark_written(lane, kAColumn, 8);
  }
  const auto one = static_cast<std::uint16_t>(half_code(1));
  for (std::uint32_t line = 0; line < kN; ++line) {
    std::memcpy(&machine.shared[0][kB + plain_offset(line, 0, 32)], &one, 2);
  }
  InstructionContext context;
  context.a_in_tensor_memory = true;
  TensorMultiply multiply;
  multiply.instruction =
      decode_instruction_descriptor(1U << 4 | kN / 8 << 17 | 128U / 16 << 24, context);
  multiply.a_in_tensor_memory = true;
  multiply.a = kAColumn;
  multiply.b = plain_descriptor(kB, 32);
  multiply.accumulates = false;
  multiply.shifts_a = true;
  multiply.validate(machine.sides);
  multiply.perform(machine.sides);
  for (std::uint32_t row = 0; row < 128; ++row) {
    ASSERT_EQ(sum_of(machine.memory[0], row, 3),
              static_cast<float>(row == 127 ? 127 % 8 : (row + 1) % 8))
        << row;
  }
  multiply.a_in_tensor_memory = false;
  EXPECT_THROW(multiply.validate(machine.sides), TensorMemoryError);
}

// The examples of section 9.7.16.4.3, and the sums that follow.
TEST(TensorMemory, ZeroColumns) {
  constexpr std::uint64_t kMask = std::uint64_t{1} << 39;
  const auto spans = [](std::uint64_t skip, std::uint64_t use) { return skip << 40 | use << 48; };
  EXPECT_EQ(zero_columns(spans(2, 3), 128, 64), std::vector<bool>(64));
  const auto text = [](const std::vector<bool>& zeros) {
    std::string result;
    for (const bool zero : zeros) {
      result += zero ? '1' : '0';
    }
    return result;
  };
  EXPECT_EQ(text(zero_columns(kMask | spans(2, 3), 128, 16)), "0000111000011100");
  EXPECT_EQ(text(zero_columns(kMask | spans(2, 3) | std::uint64_t{1} << 32, 64, 32)),
            "11100001110000110000111000011100");
  EXPECT_EQ(text(zero_columns(kMask | spans(2, 3) | 1 << 8 | 2 << 16 | 1 << 24 |
                                  std::uint64_t{3} << 32 | std::uint64_t{2} << 56,
                              32, 64)),
            "1110000111000011"
            "1100001110000111"
            "0011100001110000"
            "0001110000111000");
  EXPECT_EQ(text(zero_columns(kMask | spans(0, 0) | std::uint64_t{10} << 32, 32, 16)),
            "0101101001011010");
  EXPECT_THROW((void)zero_columns(kMask | std::uint64_t{1} << 36, 128, 16), DescriptorError);
  EXPECT_EQ(column_shift(kMask | std::uint64_t{32} << 56, 64), 32U);
  EXPECT_THROW((void)column_shift(kMask | std::uint64_t{17} << 56, 32), DescriptorError);

  constexpr std::uint32_t kN = 64;
  constexpr std::uint32_t kB = 32768;
  Machine machine(1);
  const auto one = static_cast<std::uint16_t>(half_code(1));
  for (std::uint32_t line = 0; line < 128; ++line) {
    std::memcpy(&machine.shared[0][plain_offset(line, 0, 32)], &one, 2);
    if (line < kN) {
      const auto value = static_cast<std::uint16_t>(half_code(static_cast<int>(line % 8) + 1));
      std::memcpy(&machine.shared[0][kB + plain_offset(line, 0, 32)], &value, 2);
    }
  }
  InstructionContext context;
  context.weight_stationary = true;
  TensorMultiply multiply;
  multiply.instruction =
      decode_instruction_descriptor(1U << 4 | kN / 8 << 17 | 128U / 16 << 24, context);
  multiply.weight_stationary = true;
  multiply.a = plain_descriptor(0, 32);
  multiply.b = plain_descriptor(kB, 32);
  multiply.accumulates = false;
  for (const std::uint32_t shift : {0U, 3U}) {
    multiply.zero_columns = kMask | spans(2, 3) | std::uint64_t{shift} << 56;
    multiply.validate(machine.sides);
    multiply.perform(machine.sides);
    for (std::uint32_t column = 0; column < kN - shift; ++column) {
      ASSERT_EQ(sum_of(machine.memory[0], 5, column),
                column % 7 < 4 ? static_cast<float>((column + shift) % 8 + 1) : 0.0F)
          << shift << ": " << column;
    }
  }
}

// K = 96 has six factors a line: from byte 2 on they reach into the next column of each 32 lines.
TEST(TensorMemory, FootprintHoldsAllScaleFactors) {
  Machine machine(1);
  InstructionContext context;
  context.kind = UnitKind::mxf4nvf4;
  context.scale_block = 16;
  context.architecture = 103;
  TensorMultiply multiply;
  constexpr std::uint32_t kN = 64;
  multiply.instruction = decode_instruction_descriptor(
      1U << 7 | 1U << 10 | 2U << 4 | kN / 8 << 17 | 128U / 16 << 24 | 2U << 29 | 1U << 31, context);
  ASSERT_EQ(multiply.instruction.unit.k, 96U);
  multiply.a = plain_descriptor(0, 48);
  multiply.b = plain_descriptor(32768, 48);
  multiply.d = 0;
  multiply.scale_a = 128;
  multiply.scale_b = 160;
  std::set<std::uint32_t> columns;
  for (const TensorRegion& region : multiply.footprint(machine.sides).reads) {
    for (std::uint32_t i = 0; i < region.columns; ++i) {
      columns.insert(region.column + i);
    }
  }
  // Two columns of four for 128 lines of A; of B's 64 lines the first two of each four.
  EXPECT_TRUE(columns.contains(128 + 7));
  EXPECT_TRUE(columns.contains(160 + 5));
  EXPECT_FALSE(columns.contains(128 + 8));
}

// mxf4nvf4 with 16 elements a scale: factors of A and B lie 32 lines a column, four bytes a line.
TEST(TensorMemory, ScaleFactorsByLine) {
  constexpr std::uint32_t kK = 64;
  constexpr std::uint32_t kN = 64;
  constexpr std::uint32_t kScaleA = 300;
  constexpr std::uint32_t kScaleB = 320;
  Machine machine(1);
  std::mt19937 random(9);
  // All elements are 1 (e2m1 code 2); the scales, ue4m3 of powers of two, make the sums.
  for (std::uint32_t row = 0; row < 128; ++row) {
    for (std::uint32_t byte = 0; byte < kK / 2; ++byte) {
      machine.shared[0][plain_offset(row, byte, kK / 2)] = std::byte{0x22};
    }
  }
  std::array<std::array<int, 4>, 128> scale_a{};
  std::array<std::array<int, 4>, kN> scale_b{};
  const auto fill = [&](auto& scales, std::uint32_t column) {
    for (std::uint32_t line = 0; line < scales.size(); ++line) {
      std::uint32_t word = 0;
      for (std::uint32_t i = 0; i < 4; ++i) {
        scales[line][i] = static_cast<int>(random() % 5) - 2;
        word |= static_cast<std::uint32_t>(scales[line][i] + 7) << (8 * i + 3);
      }
      for (std::uint32_t copy = 0; copy < 4; ++copy) {
        const std::uint32_t lane = line % 32 + 32 * copy;
        machine.memory[0].row(lane)[column + line / 32] = word;
        machine.memory[0].mark_written(lane, column + line / 32, 1);
      }
    }
  };
  fill(scale_a, kScaleA);
  fill(scale_b, kScaleB);
  InstructionContext context;
  context.kind = UnitKind::mxf4nvf4;
  context.scale_block = 16;
  TensorMultiply multiply;
  multiply.instruction =
      decode_instruction_descriptor(1U << 7 | 1U << 10 | kN / 8 << 17 | 128 / 16 << 24, context);
  multiply.d = 0;
  multiply.a = multiply.b = plain_descriptor(0, kK / 2);
  multiply.scale_a = kScaleA;
  multiply.scale_b = kScaleB;
  multiply.accumulates = false;
  multiply.validate(machine.sides);
  multiply.perform(machine.sides);
  for (std::uint32_t row = 0; row < 128; ++row) {
    for (std::uint32_t column = 0; column < kN; ++column) {
      float expected = 0;
      for (std::uint32_t i = 0; i < 4; ++i) {
        expected += std::ldexp(16.0F, scale_a[row][i] + scale_b[column][i]);
      }
      ASSERT_EQ(sum_of(machine.memory[0], row, column), expected) << row << ' ' << column;
    }
  }
  machine.memory[0].row(32 + 5)[kScaleA] ^= 8;
  try {
    multiply.perform(machine.sides);
    ADD_FAILURE() << "copies of a scale factor differ";
  } catch (const TensorMemoryError& error) {
    EXPECT_NE(std::string(error.what()).find("scale factors of A of line 5 differ"),
              std::string::npos)
        << error.what();
  }
}

// Rows of A that keep the first and the last of four; metadata of 16-bit types in two lanes a row.
TEST(TensorMemory, SparseRows) {
  constexpr std::uint32_t kK = 32;
  constexpr std::uint32_t kN = 16;
  constexpr std::uint32_t kMetadata = 300;
  Machine machine(1);
  std::mt19937 random(11);
  std::vector<int> stored(128 * kK / 2);
  std::vector<int> b(kN * kK);
  for (std::uint32_t i = 0; i < stored.size(); ++i) {
    stored[i] = static_cast<int>(random() % 9) - 4;
    const auto code = static_cast<std::uint16_t>(half_code(stored[i]));
    std::memcpy(&machine.shared[0][plain_offset(i / 16, i % 16 * 2, kK)], &code, 2);
  }
  for (std::uint32_t i = 0; i < b.size(); ++i) {
    b[i] = static_cast<int>(random() % 9) - 4;
    const auto code = static_cast<std::uint16_t>(half_code(b[i]));
    std::memcpy(&machine.shared[0][32768 + plain_offset(i / kK, i % kK * 2, 2 * kK)], &code, 2);
  }
  // Group g of row r keeps its elements first and second, by the row's and group's parity.
  const auto kept = [](std::uint32_t row, std::uint32_t group) {
    return (row + group) % 2 == 0 ? std::pair(0U, 3U) : std::pair(1U, 2U);
  };
  for (std::uint32_t row = 0; row < 128; ++row) {
    for (std::uint32_t group = 0; group < 8; ++group) {
      const auto [first, second] = kept(row, group);
      const std::uint32_t lane = row / 16 * 16 + row % 8 + group / 4 * 8;
      machine.memory[0].row(lane)[kMetadata] |= (first | second << 2)
                                                << (row / 8 % 2 * 16 + group % 4 * 4);
      machine.memory[0].mark_written(lane, kMetadata, 1);
    }
  }
  InstructionContext context;
  context.sparse = true;
  TensorMultiply multiply;
  multiply.instruction =
      decode_instruction_descriptor(1U << 2 | 1U << 4 | kN / 8 << 17 | 128 / 16 << 24, context);
  multiply.a = plain_descriptor(0, kK);
  multiply.b = plain_descriptor(32768, 2 * kK);
  multiply.metadata = kMetadata;
  multiply.accumulates = false;
  multiply.validate(machine.sides);
  multiply.perform(machine.sides);
  for (std::uint32_t row = 0; row < 128; ++row) {
    for (std::uint32_t column = 0; column < kN; ++column) {
      int expected = 0;
      for (std::uint32_t group = 0; group < 8; ++group) {
        const auto [first, second] = kept(row, group);
        expected += stored[row * 16 + 2 * group] * b[column * kK + 4 * group + first] +
                    stored[row * 16 + 2 * group + 1] * b[column * kK + 4 * group + second];
      }
      ASSERT_EQ(sum_of(machine.memory[0], row, column), static_cast<float>(expected)) << row;
    }
  }
}

TEST(TensorMemory, CopiesGoToTheirLanes) {
  struct Case {
    CopyShape shape;
    std::uint32_t rows;
    std::uint32_t bytes;
    std::vector<std::uint32_t> (*lanes)(std::uint32_t row);
  };
  using Lanes = std::vector<std::uint32_t>;
  const Case cases[] = {
      {CopyShape::s128x256b, 128, 32, [](std::uint32_t row) { return Lanes{row}; }},
      {CopyShape::s128x128b, 128, 16, [](std::uint32_t row) { return Lanes{row}; }},
      {CopyShape::s64x128b_02_13, 64, 16,
       [](std::uint32_t row) {
         return Lanes{row, row + 64};
       }},
      {CopyShape::s64x128b_01_23, 64, 16,
       [](std::uint32_t row) {
         const std::uint32_t lane = row < 32 ? row : row + 32;
         return Lanes{lane, lane + 32};
       }},
      {CopyShape::s32x128b, 32, 16, [](std::uint32_t row) {
         return Lanes{row, row + 32, row + 64, row + 96};
       }}};
  for (const Case& test : cases) {
    Machine machine(1);
    for (std::uint32_t row = 0; row < test.rows; ++row) {
      for (std::uint32_t byte = 0; byte < test.bytes; ++byte) {
        machine.shared[0][plain_offset(row, byte, test.bytes)] =
            static_cast<std::byte>(row * 3 + byte * 7);
      }
    }
    const TensorCopy copy{test.shape, CopyFormat::plain, 40, plain_descriptor(0, test.bytes)};
    copy.validate(machine.sides);
    copy.perform(machine.sides);
    std::uint32_t written = 0;
    for (std::uint32_t lane = 0; lane < 128; ++lane) {
      written += machine.memory[0].first_unwritten(lane, 40, test.bytes / 4) == kTensorColumns;
      EXPECT_EQ(machine.memory[0].first_unwritten(lane, 40 + test.bytes / 4, 1),
                40 + test.bytes / 4);
    }
    std::uint32_t expected = 0;
    for (std::uint32_t row = 0; row < test.rows; ++row) {
      for (const std::uint32_t lane : test.lanes(row)) {
        ++expected;
        for (std::uint32_t byte = 0; byte < test.bytes; ++byte) {
          const std::uint32_t word = machine.memory[0].row(lane)[40 + byte / 4];
          ASSERT_EQ(word >> (byte % 4 * 8) & 0xff, (row * 3 + byte * 7) & 0xff) << row;
        }
      }
    }
    EXPECT_EQ(written, expected);
  }
}

TEST(TensorMemory, ShiftMovesLanesDown) {
  Machine machine(1);
  for (std::uint32_t lane = 0; lane < 128; ++lane) {
    for (std::uint32_t column = 0; column < 16; ++column) {
      machine.memory[0].row(lane)[column] = lane * 100 + column;
    }
  }
  const TensorShift shift{32U << 16 | 4};
  shift.validate(machine.sides);
  shift.perform(machine.sides);
  for (std::uint32_t lane = 0; lane < 128; ++lane) {
    for (std::uint32_t column = 0; column < 16; ++column) {
      const bool moved = lane >= 32 && lane < 63 && column >= 4 && column < 12;
      ASSERT_EQ(machine.memory[0].row(lane)[column], (lane + (moved ? 1 : 0)) * 100 + column);
    }
  }
  EXPECT_THROW((TensorShift{16U << 16}.validate(machine.sides)), TensorMemoryError);
}

}  // namespace
}  // namespace rackproof::emulator::tensor
