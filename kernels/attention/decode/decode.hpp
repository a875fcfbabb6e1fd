#pragma once
/// Attention of one new token of each sequence against a paged key-value cache ("decode").
///
/// Q, O: batch x q_heads x head_dim. K and V caches: pages x page_size x kv_heads x head_dim each.
/// Key j of sequence b lies in page page_table[b][j / page_size], row j % page_size. Every query
/// sees the kv_lens[b] keys of its sequence; query head h reads key/value head
/// h / (q_heads / kv_heads). O has the type of the inputs, lse[batch][q_head] is fp32, natural
/// logarithm; a sequence without keys has O = 0 and lse = -infinity.

#include "kernels/attention/attention.hpp"
#include "kernels/common/element_type.hpp"
#include "kernels/operation.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace rackproof::kernels::attention::decode {

struct DecodeShape {
  ElementType type = ElementType::bf16;
  std::int64_t q_heads = 1;
  std::int64_t kv_heads = 1;            ///< divides q_heads
  std::int64_t head_dim = 128;          ///< 64 or 128
  std::int64_t page_size = 64;          ///< keys of a page; a multiple of 16
  std::vector<std::int64_t> kv_lens{};  ///< keys of each sequence; 0 is allowed
  double scale = 0;                     ///< 0: 1 / sqrt(head_dim)
};

class DecodeProblem final : public Problem {
 public:
  /// Throws ParamError naming the field that is out of range.
  explicit DecodeProblem(const DecodeShape& shape);

  [[nodiscard]] const DecodeShape& shape() const noexcept { return shape_; }
  [[nodiscard]] std::int64_t batch() const noexcept {
    return static_cast<std::int64_t>(shape_.kv_lens.size());
  }
  /// The same attention as a packed batch of single queries over contiguous keys.
  [[nodiscard]] const AttentionProblem& unpaged() const noexcept { return unpaged_; }

  /// "attention_decode/bf16/b64hq64hkv8kv8192d128p64"; lengths that differ add their sum and a
  /// digest, "/mixed20000/1f2e3d4c".
  [[nodiscard]] std::string name() const override;
  [[nodiscard]] ParamMap params() const override;
  /// flops: 4 * head_dim for every (query head, key) pair. bytes: the keys and values of all
  /// sequences, their queries, lengths and page numbers read once; O and lse written once.
  [[nodiscard]] Work work() const override;
  /// Each key-value byte serves q_heads / kv_heads flops or so: memory sets the time.
  [[nodiscard]] ThroughputUnit unit() const override { return ThroughputUnit::gb_per_s; }
  [[nodiscard]] std::string_view peak() const override { return {}; }
  [[nodiscard]] std::uint64_t footprint_bytes() const override;

  [[nodiscard]] std::int64_t total_keys() const;
  /// Pages that a sequence uses; all sequences together.
  [[nodiscard]] std::int64_t pages(std::int64_t sequence) const;
  [[nodiscard]] std::int64_t total_pages() const;
  [[nodiscard]] std::int64_t max_pages() const;
  /// Elements of Q, and as many of O.
  [[nodiscard]] std::uint64_t q_elements() const;
  /// Elements of one page of K, and as many of V.
  [[nodiscard]] std::uint64_t page_elements() const;
  [[nodiscard]] std::uint64_t lse_elements() const;

 private:
  DecodeShape shape_;
  AttentionProblem unpaged_;
};

/// "attention_decode".
[[nodiscard]] const Operation& decode_operation();

}  // namespace rackproof::kernels::attention::decode
