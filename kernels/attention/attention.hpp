#pragma once
/// Attention forward: O = softmax(scale * Q K^T + mask) V and the log-sum-exp of every row.
///
/// Q, O: batch x q_heads x q_len x head_dim; K, V: batch x kv_heads x kv_len x head_dim; query head
/// h reads key/value head h / (q_heads / kv_heads). Softmax statistics are fp32, O has the type of
/// the inputs. lse[batch][q_head][row] = ln(sum_j exp(scale * q . k_j + mask_j)), fp32, contiguous.
///
/// Masks: full (every key is visible) and causal, aligned at the bottom right: query i sees key j
/// when j <= i + (kv_len - q_len), so the last query sees every key. A row that sees no key
/// (causal, q_len > kv_len) has O = 0 and lse = -infinity.

#include "kernels/common/element_type.hpp"
#include "kernels/operation.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace rackproof::kernels::attention {

enum class Mask : std::uint8_t { full, causal };
[[nodiscard]] std::string_view to_string(Mask mask);  ///< "full", "causal"

/// Order of the dimensions in memory, slowest first; head_dim is always contiguous.
enum class Layout : std::uint8_t {
  bshd,  ///< batch, sequence, head, head_dim
  bhsd,  ///< batch, head, sequence, head_dim
};
[[nodiscard]] std::string_view to_string(Layout layout);  ///< "bshd", "bhsd"

struct AttentionShape {
  ElementType type = ElementType::bf16;
  Mask mask = Mask::full;
  Layout layout = Layout::bshd;
  std::int64_t batch = 1;
  std::int64_t q_heads = 1;
  std::int64_t kv_heads = 1;  ///< divides q_heads; 1: multi-query
  std::int64_t q_len = 1;
  std::int64_t kv_len = 1;
  std::int64_t head_dim = 128;  ///< 64 or 128
  double scale = 0;             ///< 0: 1 / sqrt(head_dim)
};

/// Distances in elements between neighbours of one array.
struct Strides {
  std::int64_t batch = 0;
  std::int64_t head = 0;
  std::int64_t row = 0;
};
[[nodiscard]] Strides strides(Layout layout, std::int64_t heads, std::int64_t rows,
                              std::int64_t head_dim);

/// Number of keys that query row `row` sees: the first that many.
[[nodiscard]] std::int64_t visible_keys(const AttentionShape& shape, std::int64_t row);

class AttentionProblem final : public Problem {
 public:
  /// Throws ParamError naming the field that is out of range.
  explicit AttentionProblem(const AttentionShape& shape);

  [[nodiscard]] const AttentionShape& shape() const noexcept { return shape_; }
  /// Scale of the scores, with the default filled in.
  [[nodiscard]] double scale() const noexcept { return shape_.scale; }

  /// "attention/bf16/causal/b2hq32hkv8q8192kv8192d128", then "/bhsd" and "/scale..." where they
  /// differ from the defaults.
  [[nodiscard]] std::string name() const override;
  [[nodiscard]] ParamMap params() const override;
  /// flops: 2 * head_dim for each of Q K^T and P V, for every visible (query, key) pair and no
  /// other. bytes: Q rows that see a key, K and V read once; O and lse written once.
  [[nodiscard]] Work work() const override;
  [[nodiscard]] ThroughputUnit unit() const override { return ThroughputUnit::tflops; }
  [[nodiscard]] std::string_view peak() const override { return to_string(shape_.type); }
  [[nodiscard]] std::uint64_t footprint_bytes() const override;

  /// Visible (query, key) pairs of one head.
  [[nodiscard]] std::int64_t visible_pairs() const;
  [[nodiscard]] std::uint64_t q_elements() const;
  [[nodiscard]] std::uint64_t kv_elements() const;  ///< of K, and as many of V
  [[nodiscard]] std::uint64_t lse_elements() const;
  /// Q, K, V, O and lse of one buffer set.
  [[nodiscard]] std::uint64_t set_bytes() const;

 private:
  AttentionShape shape_;
};

[[nodiscard]] const Operation& attention_operation();

}  // namespace rackproof::kernels::attention
