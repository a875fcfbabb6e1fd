#pragma once
/// One (batch, key/value head) of a problem as doubles: its keys, and its query rows one by one.

#include "kernels/attention/backward/backward_reference.hpp"
#include "kernels/attention/backward/backward_verify.hpp"

#include <span>
#include <string>
#include <vector>

namespace rackproof::kernels::attention::backward {

/// head_dim numbers of an array from element `index` on.
[[nodiscard]] std::vector<double> decode_row(ElementType type, const std::vector<std::byte>& array,
                                             std::uint64_t index, std::size_t head_dim);

class Group {
 public:
  Group(const BackwardProblem& problem, const HostArrays& arrays, std::int64_t batch,
        std::int64_t kv_head);

  [[nodiscard]] std::int64_t batch() const { return batch_; }
  /// Query heads that share the keys.
  [[nodiscard]] std::int64_t heads() const {
    return forward_.shape().q_heads / forward_.shape().kv_heads;
  }
  [[nodiscard]] std::int64_t q_len() const { return forward_.lengths(batch_).q; }
  [[nodiscard]] std::int64_t kv_len() const { return forward_.lengths(batch_).kv; }
  [[nodiscard]] std::int64_t q_head(std::int64_t head) const { return kv_head_ * heads() + head; }
  [[nodiscard]] std::span<const double> k() const { return k_; }
  [[nodiscard]] std::span<const double> v() const { return v_; }
  [[nodiscard]] std::vector<double> q(std::int64_t head, std::int64_t row) const {
    return query_row(arrays_.q, head, row);
  }
  [[nodiscard]] std::vector<double> o(std::int64_t head, std::int64_t row) const {
    return query_row(arrays_.o, head, row);
  }
  [[nodiscard]] std::vector<double> d_o(std::int64_t head, std::int64_t row) const {
    return query_row(arrays_.d_o, head, row);
  }
  [[nodiscard]] KeyRange keys(std::int64_t row) const {
    return visible_keys(forward_.shape(), forward_.lengths(batch_), row);
  }
  /// With D from the stored O.
  [[nodiscard]] RowWeights weights(std::int64_t head, std::int64_t row) const {
    return row_weights(q(head, row), d_o(head, row), k_, v_, keys(row), forward_.scale(),
                       o(head, row));
  }
  [[nodiscard]] std::uint64_t q_index(std::int64_t head, std::int64_t row) const {
    return static_cast<std::uint64_t>(forward_.q_index(batch_, q_head(head), row));
  }
  [[nodiscard]] std::uint64_t kv_index(std::int64_t key) const {
    return static_cast<std::uint64_t>(forward_.kv_index(batch_, kv_head_, key));
  }
  [[nodiscard]] std::size_t head_dim() const {
    return static_cast<std::size_t>(forward_.shape().head_dim);
  }
  [[nodiscard]] std::string place() const {
    return "batch " + std::to_string(batch_) + ", key-value head " + std::to_string(kv_head_);
  }
  [[nodiscard]] std::string row_place(std::int64_t head, std::int64_t row) const {
    return place() + ", query head " + std::to_string(q_head(head)) + ", row " +
           std::to_string(row);
  }
  [[nodiscard]] std::string key_place(std::int64_t key) const {
    return place() + ", key " + std::to_string(key);
  }

 private:
  [[nodiscard]] std::vector<double> query_row(const std::vector<std::byte>& array,
                                              std::int64_t head, std::int64_t row) const {
    return decode_row(forward_.shape().type, array, q_index(head, row), head_dim());
  }
  const AttentionProblem& forward_;
  const HostArrays& arrays_;
  std::int64_t batch_;
  std::int64_t kv_head_;
  std::vector<double> k_;
  std::vector<double> v_;
};

}  // namespace rackproof::kernels::attention::backward
