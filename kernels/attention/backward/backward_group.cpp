#include "kernels/attention/backward/backward_group.hpp"

#include "kernels/common/host_codec.hpp"

namespace rackproof::kernels::attention::backward {

std::vector<double> decode_row(ElementType type, const std::vector<std::byte>& array,
                               std::uint64_t index, std::size_t head_dim) {
  std::vector<float> row(head_dim);
  decode(type, array.data() + index * element_bytes(type), row);
  return {row.begin(), row.end()};
}

Group::Group(const BackwardProblem& problem, const HostArrays& arrays, std::int64_t batch,
             std::int64_t kv_head)
    : forward_(problem.forward()), arrays_(arrays), batch_(batch), kv_head_(kv_head) {
  const auto append = [&](std::vector<double>& rows, const std::vector<std::byte>& array,
                          std::int64_t key) {
    const std::vector<double> row =
        decode_row(forward_.shape().type, array, kv_index(key), head_dim());
    rows.insert(rows.end(), row.begin(), row.end());
  };
  for (std::int64_t key = 0; key < kv_len(); ++key) {
    append(k_, arrays.k, key);
    append(v_, arrays.v, key);
  }
}

}  // namespace rackproof::kernels::attention::backward
