#pragma once
/// Attention forward: O = softmax(scale * Q K^T + mask) V and the log-sum-exp of every row.
///
/// Q, O: batch x q_heads x q_len x head_dim; K, V: batch x kv_heads x kv_len x head_dim; query head
/// h reads key/value head h / (q_heads / kv_heads). Softmax statistics are fp32, O has the type of
/// the inputs. lse[batch][q_head][row] = ln(sum_j exp(scale * q . k_j + mask_j)), fp32, contiguous.
///
/// Masks are aligned at the bottom right: with d = kv_len - q_len, query i sees key j when
/// i + d - window_left <= j <= i + d + window_right, either side unlimited by default; causal is
/// window_right = 0, so the last query sees every key (the convention of FlashAttention-2). A row
/// that sees no key (causal, q_len > kv_len) has O = 0 and lse = -infinity.
///
/// A packed batch ("variable length") lays sequences of any lengths, 0 included, one behind the
/// other: Q, O: total_q x q_heads x head_dim; K, V: total_kv x kv_heads x head_dim; sequence s
/// holds rows cu_seqlens[s] to cu_seqlens[s + 1]; lse[q_head][total_q]. The mask of each sequence
/// is its own.

#include "kernels/common/element_type.hpp"
#include "kernels/operation.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rackproof::kernels::attention {

enum class Mask : std::uint8_t { full, causal };
[[nodiscard]] std::string_view to_string(Mask mask);  ///< "full", "causal"

/// Order of the dimensions in memory, slowest first; head_dim is always contiguous.
enum class Layout : std::uint8_t {
  bshd,  ///< batch, sequence, head, head_dim
  bhsd,  ///< batch, head, sequence, head_dim
};
[[nodiscard]] std::string_view to_string(Layout layout);  ///< "bshd", "bhsd"

/// Window sides that are not limited.
inline constexpr std::int64_t kUnlimited = -1;

/// Lengths of one sequence of a batch.
struct SequenceLengths {
  std::int64_t q = 0;
  std::int64_t kv = 0;
  bool operator==(const SequenceLengths&) const = default;
};

/// Keys begin, ..., end - 1; none if begin == end.
struct KeyRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  [[nodiscard]] std::int64_t size() const noexcept { return end - begin; }
  bool operator==(const KeyRange&) const = default;
};

struct AttentionShape {
  ElementType type = ElementType::bf16;
  Mask mask = Mask::full;
  Layout layout = Layout::bshd;
  std::int64_t batch = 1;
  std::int64_t q_heads = 1;
  std::int64_t kv_heads = 1;  ///< divides q_heads; 1: multi-query
  std::int64_t q_len = 1;
  std::int64_t kv_len = 1;
  std::int64_t head_dim = 128;             ///< 64 or 128
  double scale = 0;                        ///< 0: 1 / sqrt(head_dim)
  std::int64_t window_left = kUnlimited;   ///< keys before the diagonal
  std::int64_t window_right = kUnlimited;  ///< keys behind it; 0 under a causal mask
  /// A packed batch, layout bshd; the constructor of the problem sets batch to their number and
  /// q_len and kv_len to the longest. Empty: batch sequences of q_len and kv_len.
  std::vector<SequenceLengths> sequences{};
};

/// Distances in elements between neighbours of one array.
struct Strides {
  std::int64_t batch = 0;
  std::int64_t head = 0;
  std::int64_t row = 0;
};
[[nodiscard]] Strides strides(Layout layout, std::int64_t heads, std::int64_t rows,
                              std::int64_t head_dim);

/// 1 / sqrt(head_dim).
[[nodiscard]] double default_scale(std::int64_t head_dim);

/// Keys that query row `row` of a sequence of these lengths sees.
[[nodiscard]] KeyRange visible_keys(const AttentionShape& shape, const SequenceLengths& lengths,
                                    std::int64_t row);

class AttentionProblem final : public Problem {
 public:
  /// Throws ParamError naming the field that is out of range.
  explicit AttentionProblem(const AttentionShape& shape);

  [[nodiscard]] const AttentionShape& shape() const noexcept { return shape_; }
  /// Scale of the scores, with the default filled in.
  [[nodiscard]] double scale() const noexcept { return shape_.scale; }

  /// "attention/bf16/causal/b2hq32hkv8q8192kv8192d128", then "/left511", "/right0", "/bhsd" and
  /// "/scale..." where they differ from the defaults. A packed batch names its longest lengths and
  /// its totals, "/packed7q20000kv20000", and a digest of all lengths.
  [[nodiscard]] std::string name() const override;
  [[nodiscard]] ParamMap params() const override;
  /// flops: 2 * head_dim for each of Q K^T and P V, for every visible (query, key) pair and no
  /// other. bytes: Q rows that see a key, K and V rows that are seen, each once; O and lse written
  /// once; the cu_seqlens of a packed batch.
  [[nodiscard]] Work work() const override;
  [[nodiscard]] ThroughputUnit unit() const override { return ThroughputUnit::tflops; }
  [[nodiscard]] std::string_view peak() const override { return to_string(shape_.type); }
  [[nodiscard]] std::uint64_t footprint_bytes() const override;

  [[nodiscard]] bool packed() const noexcept { return !shape_.sequences.empty(); }
  [[nodiscard]] bool windowed() const noexcept;
  /// Tells packed batches of equal totals apart (FNV-1a).
  [[nodiscard]] std::uint32_t lengths_digest() const;
  [[nodiscard]] SequenceLengths lengths(std::int64_t batch) const;
  /// Visible (query, key) pairs of one head, over the batch.
  [[nodiscard]] std::int64_t visible_pairs() const;
  /// Query rows and key rows of one head, over the batch.
  [[nodiscard]] std::int64_t q_rows() const;
  [[nodiscard]] std::int64_t kv_rows() const;

  /// Of Q and O; of K and V. Packed: the batch stride is 0, rows are counted over the batch.
  [[nodiscard]] Strides q_strides() const;
  [[nodiscard]] Strides kv_strides() const;
  /// First row of a sequence within its array: 0 unless packed.
  [[nodiscard]] std::int64_t q_begin(std::int64_t batch) const;
  [[nodiscard]] std::int64_t kv_begin(std::int64_t batch) const;
  /// Linear index of the first element of a row of Q or O, of K or V, and of a value of lse.
  [[nodiscard]] std::int64_t q_index(std::int64_t batch, std::int64_t q_head,
                                     std::int64_t row) const;
  [[nodiscard]] std::int64_t kv_index(std::int64_t batch, std::int64_t kv_head,
                                      std::int64_t row) const;
  [[nodiscard]] std::int64_t lse_index(std::int64_t batch, std::int64_t q_head,
                                       std::int64_t row) const;
  [[nodiscard]] std::uint64_t q_elements() const;
  [[nodiscard]] std::uint64_t kv_elements() const;  ///< of K, and as many of V
  [[nodiscard]] std::uint64_t lse_elements() const;
  /// cu_seqlens of queries and keys, int32; 0 unless packed.
  [[nodiscard]] std::uint64_t table_bytes() const;
  /// Q, K, V, O, lse and tables of one buffer set.
  [[nodiscard]] std::uint64_t set_bytes() const;

 private:
  void pack_sequences();
  void set_windows();
  /// Calls visit(lengths, how many sequences have them).
  template <typename Visit>
  void for_each_length(const Visit& visit) const {
    if (!packed()) {
      visit(SequenceLengths{.q = shape_.q_len, .kv = shape_.kv_len}, shape_.batch);
    }
    for (const SequenceLengths& lengths : shape_.sequences) {
      visit(lengths, 1);
    }
  }

  AttentionShape shape_;
  /// First rows of the packed sequences and the totals: cu_seqlens of the literature.
  std::vector<SequenceLengths> begins_;
};

[[nodiscard]] const Operation& attention_operation();

}  // namespace rackproof::kernels::attention
