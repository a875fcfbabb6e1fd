/// What a problem is called, what it allows, and how much work it is.

#include "kernels/attention/attention.hpp"
#include "kernels/attention/sm80_config.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace rackproof::kernels::attention {
namespace {

AttentionShape shape(Mask mask, std::int64_t q_len, std::int64_t kv_len) {
  return {.mask = mask,
          .batch = 2,
          .q_heads = 6,
          .kv_heads = 3,
          .q_len = q_len,
          .kv_len = kv_len,
          .head_dim = 64};
}

TEST(AttentionProblem, NamesEveryParameterThatDefinesIt) {
  EXPECT_EQ(AttentionProblem(shape(Mask::causal, 5, 7)).name(),
            "attention/bf16/causal/b2hq6hkv3q5kv7d64");
  AttentionShape other = shape(Mask::full, 5, 7);
  other.type = ElementType::fp16;
  other.layout = Layout::bhsd;
  other.scale = 0.25;
  EXPECT_EQ(AttentionProblem(other).name(), "attention/fp16/full/b2hq6hkv3q5kv7d64/bhsd/scale0.25");
  other.scale = 0.125;  // the default of head_dim 64
  EXPECT_EQ(AttentionProblem(other).name(), "attention/fp16/full/b2hq6hkv3q5kv7d64/bhsd");
}

TEST(AttentionProblem, CountsExactlyTheVisiblePairs) {
  for (const Mask mask : {Mask::full, Mask::causal}) {
    for (const auto& [q_len, kv_len] : {std::pair<int, int>{1, 1}, {7, 7}, {3, 9}, {9, 3}}) {
      const AttentionProblem problem(shape(mask, q_len, kv_len));
      std::int64_t pairs = 0;
      std::int64_t seeing_rows = 0;
      for (std::int64_t row = 0; row < q_len; ++row) {
        std::int64_t visible = 0;
        for (std::int64_t key = 0; key < kv_len; ++key) {
          visible += mask == Mask::full || key <= row + (kv_len - q_len) ? 1 : 0;
        }
        EXPECT_EQ(visible_keys(problem.shape(), problem.lengths(0), row).size(), visible);
        pairs += visible;
        seeing_rows += visible > 0 ? 1 : 0;
      }
      EXPECT_EQ(problem.visible_pairs(), 2 * pairs) << problem.name();
      EXPECT_EQ(problem.work().flops, 2.0 * 6 * static_cast<double>(pairs) * 64 * 2 * 2);
      const std::int64_t elements = 2 * 6 * seeing_rows * 64     // Q
                                    + 2 * (2 * 3 * kv_len * 64)  // K, V
                                    + 2 * 6 * q_len * 64;        // O
      EXPECT_EQ(problem.work().bytes, static_cast<double>(2 * elements + 4 * 2 * 6 * q_len));
    }
  }
}

/// Every window, every pair of small lengths, against the definition of the mask.
TEST(AttentionProblem, CountsTheWindowsOfPackedSequencesPairByPair) {
  for (const std::int64_t left : {-1, 0, 1, 3}) {
    for (const std::int64_t right : {-1, 0, 2}) {
      AttentionShape packed{.q_heads = 2, .kv_heads = 1, .head_dim = 64};
      packed.window_left = left;
      packed.window_right = right;
      std::int64_t pairs = 0;
      std::int64_t rows_that_see = 0;
      std::int64_t keys_seen = 0;
      std::int64_t rows = 0;
      for (std::int64_t q = 0; q < 6; ++q) {
        for (std::int64_t kv = 0; kv < 6; ++kv) {
          packed.sequences.push_back({.q = q, .kv = kv});
          rows += q;
          std::vector<bool> seen(static_cast<std::size_t>(kv));
          for (std::int64_t i = 0; i < q; ++i) {
            std::int64_t of_row = 0;
            for (std::int64_t j = 0; j < kv; ++j) {
              const std::int64_t distance = j - (i + kv - q);
              const bool visible =
                  (left < 0 || distance >= -left) && (right < 0 || distance <= right);
              of_row += visible ? 1 : 0;
              seen[static_cast<std::size_t>(j)] = seen[static_cast<std::size_t>(j)] || visible;
            }
            pairs += of_row;
            rows_that_see += of_row > 0 ? 1 : 0;
          }
          keys_seen += std::count(seen.begin(), seen.end(), true);
        }
      }
      const AttentionProblem problem(packed);
      EXPECT_EQ(problem.visible_pairs(), pairs) << problem.name();
      EXPECT_EQ(problem.work().flops, 4.0 * 2 * 64 * static_cast<double>(pairs));
      const std::int64_t elements = 2 * 64 * (rows_that_see + rows) + 2 * 64 * keys_seen;
      EXPECT_EQ(problem.work().bytes,
                static_cast<double>(2 * elements + 4 * 2 * rows + 4 * 2 * (36 + 1)))
          << problem.name();
    }
  }
}

TEST(AttentionProblem, NamesOfPackedAndWindowedBatchesTellThemApart) {
  AttentionShape packed{.mask = Mask::causal, .q_heads = 2, .kv_heads = 1, .head_dim = 64};
  packed.sequences = {{.q = 3, .kv = 7}, {.q = 0, .kv = 2}};
  const std::string name = AttentionProblem(packed).name();
  EXPECT_EQ(name.substr(0, name.rfind('/')),
            "attention/bf16/causal/b2hq2hkv1q3kv7d64/packed2q3kv9");
  std::swap(packed.sequences[0], packed.sequences[1]);
  EXPECT_NE(AttentionProblem(packed).name(), name);
  AttentionShape windowed = shape(Mask::full, 5, 7);
  windowed.window_left = 4;
  windowed.window_right = 0;
  EXPECT_EQ(AttentionProblem(windowed).name(),
            "attention/bf16/full/b2hq6hkv3q5kv7d64/left4/right0");
}

TEST(AttentionProblem, SaysWhichWindowOrLengthIsWrong) {
  const auto rejected = [](const AttentionShape& wrong) -> std::string {
    try {
      const AttentionProblem problem(wrong);
    } catch (const ParamError& error) {
      return error.key();
    }
    return "accepted";
  };
  AttentionShape wrong = shape(Mask::causal, 5, 7);
  wrong.window_right = 1;
  EXPECT_EQ(rejected(wrong), "window_right");
  wrong.window_right = kUnlimited;
  wrong.window_left = -2;
  EXPECT_EQ(rejected(wrong), "window_left");
  wrong.window_left = kUnlimited;
  wrong.sequences = {{.q = -1, .kv = 3}};
  EXPECT_EQ(rejected(wrong), "lengths");
  wrong.sequences = {{.q = 0, .kv = 3}};
  EXPECT_EQ(rejected(wrong), "lengths") << "nothing to compute";
  wrong.sequences = {{.q = 3, .kv = 3}};
  wrong.layout = Layout::bhsd;
  EXPECT_EQ(rejected(wrong), "layout");
}

TEST(AttentionProblem, FootprintIsOneBufferSet) {
  const AttentionProblem problem(shape(Mask::full, 5, 7));
  EXPECT_EQ(problem.footprint_bytes(),
            2U * (2 * 2 * 6 * 5 * 64 + 2 * 2 * 3 * 7 * 64) + 4U * 2 * 6 * 5);
}

TEST(AttentionProblem, LayoutsDifferInStridesOnly) {
  const Strides bshd = strides(Layout::bshd, 6, 5, 64);
  EXPECT_EQ(bshd.batch, 5 * 6 * 64);
  EXPECT_EQ(bshd.row, 6 * 64);
  EXPECT_EQ(bshd.head, 64);
  const Strides bhsd = strides(Layout::bhsd, 6, 5, 64);
  EXPECT_EQ(bhsd.batch, 6 * 5 * 64);
  EXPECT_EQ(bhsd.head, 5 * 64);
  EXPECT_EQ(bhsd.row, 64);
}

std::string rejected_key(const AttentionShape& bad) {
  try {
    AttentionProblem problem(bad);
  } catch (const ParamError& error) {
    return error.key();
  }
  return "accepted";
}

TEST(AttentionProblem, RejectsWhatNoKernelCanRunAndNamesTheKey) {
  AttentionShape bad = shape(Mask::full, 5, 7);
  bad.type = ElementType::fp32;
  EXPECT_EQ(rejected_key(bad), "type");
  bad = shape(Mask::full, 0, 7);
  EXPECT_EQ(rejected_key(bad), "seq");
  bad = shape(Mask::full, 5, 0);
  EXPECT_EQ(rejected_key(bad), "kv_seq");
  bad = shape(Mask::full, 5, 7);
  bad.kv_heads = 4;
  EXPECT_EQ(rejected_key(bad), "kv_heads");
  bad = shape(Mask::full, 5, 7);
  bad.head_dim = 96;
  EXPECT_EQ(rejected_key(bad), "head_dim");
  bad = shape(Mask::full, 5, 7);
  bad.scale = -1;
  EXPECT_EQ(rejected_key(bad), "scale");
  bad = shape(Mask::full, 5, 7);
  bad.batch = 0;
  EXPECT_EQ(rejected_key(bad), "batch");
}

TEST(Sm80Config, SharedMemoryDecidesHowManyBlocksAnSmHolds) {
  EXPECT_EQ(kHeadDim64.shared_bytes(), 128 * 128 + 4 * 64 * 128);
  EXPECT_EQ(kHeadDim128.shared_bytes(), 128 * 256 + 3 * 64 * 256);
  EXPECT_EQ(kHeadDim128.blocks_per_sm(164 * 1024), 2);
  EXPECT_EQ(kHeadDim128.blocks_per_sm(100 * 1024), 1);
  EXPECT_EQ(kHeadDim128.blocks_per_sm(48 * 1024), 0);
}

}  // namespace
}  // namespace rackproof::kernels::attention
