#include "kernels/attention/decode/decode.hpp"

#include <algorithm>
#include <numeric>
#include <sstream>

namespace rackproof::kernels::attention::decode {
namespace {

constexpr std::int64_t kPageRows = 16;  // an m16n8k16 step never spans two pages
constexpr std::int64_t kMaxPageSize = 4096;
constexpr std::int64_t kMaxPageBytes = std::int64_t{1} << 30;  // page offsets: 32 x 32 -> 64 bits

/// Validates what decoding shares with the forward pass.
AttentionProblem unpaged_problem(const DecodeShape& shape) {
  if (shape.kv_lens.empty()) {
    throw ParamError("batch", "must be at least 1");
  }
  AttentionShape unpaged{.type = shape.type,
                         .q_heads = shape.q_heads,
                         .kv_heads = shape.kv_heads,
                         .head_dim = shape.head_dim,
                         .scale = shape.scale};
  for (const std::int64_t length : shape.kv_lens) {
    unpaged.sequences.push_back({.q = 1, .kv = length});
  }
  return AttentionProblem(unpaged);
}

bool all_equal(const std::vector<std::int64_t>& values) {
  return std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) == values.end();
}

}  // namespace

DecodeProblem::DecodeProblem(const DecodeShape& shape)
    : shape_(shape), unpaged_(unpaged_problem(shape)) {
  if (shape_.page_size < kPageRows || shape_.page_size > kMaxPageSize ||
      shape_.page_size % kPageRows != 0) {
    throw ParamError("page_size", "must be a multiple of 16 in 16.." +
                                      std::to_string(kMaxPageSize) + ", found " +
                                      std::to_string(shape_.page_size));
  }
  shape_.scale = unpaged_.scale();
  if (static_cast<std::int64_t>(page_elements()) * element_bytes(shape_.type) > kMaxPageBytes) {
    throw ParamError("page_size", "a page must not exceed 1 GiB");
  }
}

std::string DecodeProblem::name() const {
  std::ostringstream name;
  name << "attention_decode/" << to_string(shape_.type) << "/b" << batch() << "hq" << shape_.q_heads
       << "hkv" << shape_.kv_heads << "kv" << unpaged_.shape().kv_len << 'd' << shape_.head_dim
       << 'p' << shape_.page_size;
  if (!all_equal(shape_.kv_lens)) {
    name << "/mixed" << total_keys() << '/' << std::hex << unpaged_.lengths_digest() << std::dec;
  }
  if (unpaged_.scale() != default_scale(shape_.head_dim)) {
    name << "/scale" << shape_.scale;
  }
  return name.str();
}

ParamMap DecodeProblem::params() const {
  return {
      {"type", std::string(to_string(shape_.type))},
      {"batch", batch()},
      {"heads", shape_.q_heads},
      {"kv_heads", shape_.kv_heads},
      {"head_dim", shape_.head_dim},
      {"page_size", shape_.page_size},
      {"kv_lengths", shape_.kv_lens},
      {"scale", shape_.scale},
      {"inputs", std::string(kInputDistribution)},
  };
}

Work DecodeProblem::work() const {
  const auto sequences_with_keys =
      static_cast<std::uint64_t>(std::count_if(shape_.kv_lens.begin(), shape_.kv_lens.end(),
                                               [](std::int64_t length) { return length > 0; }));
  const auto keys = static_cast<std::uint64_t>(total_keys());
  const std::uint64_t row_elements = q_elements() / static_cast<std::uint64_t>(batch());
  const std::uint64_t kv_row_elements =
      page_elements() / static_cast<std::uint64_t>(shape_.page_size);
  const std::uint64_t elements =
      row_elements * sequences_with_keys + q_elements() + 2 * kv_row_elements * keys;
  const auto table_entries = static_cast<std::uint64_t>(total_pages() + batch());
  return {.flops = 4.0 * static_cast<double>(row_elements) * static_cast<double>(keys),
          .bytes = static_cast<double>(elements * element_bytes(shape_.type) +
                                       lse_elements() * sizeof(float) +
                                       table_entries * sizeof(std::int32_t))};
}

std::uint64_t DecodeProblem::footprint_bytes() const {
  const auto pages = static_cast<std::uint64_t>(total_pages() + 1);
  return (2 * q_elements() + 2 * page_elements() * pages) * element_bytes(shape_.type) +
         lse_elements() * sizeof(float) +
         static_cast<std::uint64_t>(batch() * (max_pages() + 1)) * sizeof(std::int32_t);
}

std::int64_t DecodeProblem::total_keys() const {
  return std::accumulate(shape_.kv_lens.begin(), shape_.kv_lens.end(), std::int64_t{0});
}

std::int64_t DecodeProblem::pages(std::int64_t sequence) const {
  return (shape_.kv_lens[static_cast<std::size_t>(sequence)] + shape_.page_size - 1) /
         shape_.page_size;
}

std::int64_t DecodeProblem::total_pages() const {
  std::int64_t total = 0;
  for (std::int64_t sequence = 0; sequence < batch(); ++sequence) {
    total += pages(sequence);
  }
  return total;
}

std::int64_t DecodeProblem::max_pages() const {
  std::int64_t most = 0;
  for (std::int64_t sequence = 0; sequence < batch(); ++sequence) {
    most = std::max(most, pages(sequence));
  }
  return most;
}

std::uint64_t DecodeProblem::q_elements() const {
  return unpaged_.q_elements();
}

std::uint64_t DecodeProblem::page_elements() const {
  return static_cast<std::uint64_t>(shape_.page_size) *
         static_cast<std::uint64_t>(shape_.kv_heads) * static_cast<std::uint64_t>(shape_.head_dim);
}

std::uint64_t DecodeProblem::lse_elements() const {
  return unpaged_.lse_elements();
}

}  // namespace rackproof::kernels::attention::decode
