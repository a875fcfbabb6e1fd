/// What a problem is called, what it allows, and how much work it is.

#include "kernels/attention/attention.hpp"
#include "kernels/attention/sm80_config.hpp"

#include <gtest/gtest.h>

#include <string>

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
        EXPECT_EQ(visible_keys(problem.shape(), row), visible);
        pairs += visible;
        seeing_rows += visible > 0 ? 1 : 0;
      }
      EXPECT_EQ(problem.visible_pairs(), pairs) << problem.name();
      EXPECT_EQ(problem.work().flops, 2.0 * 6 * static_cast<double>(pairs) * 64 * 2 * 2);
      const std::int64_t elements = 2 * 6 * seeing_rows * 64     // Q
                                    + 2 * (2 * 3 * kv_len * 64)  // K, V
                                    + 2 * 6 * q_len * 64;        // O
      EXPECT_EQ(problem.work().bytes, static_cast<double>(2 * elements + 4 * 2 * 6 * q_len));
    }
  }
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
