#include "kernels/attention/attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

namespace rackproof::kernels::attention {
namespace {

constexpr std::uint64_t kLseBytes = sizeof(float);
/// Row and key indices are 32-bit in the kernels, with room for one tile beyond the end.
constexpr std::int64_t kMaxLength = std::int64_t{1} << 30;
constexpr std::int64_t kMaxHeads = std::int64_t{1} << 20;

void require_range(std::string_view key, std::int64_t value, std::int64_t maximum) {
  if (value < 1 || value > maximum) {
    throw ParamError(std::string(key), "must lie in 1.." + std::to_string(maximum) + ", found " +
                                           std::to_string(value));
  }
}

std::uint64_t product(std::initializer_list<std::int64_t> factors) {
  std::uint64_t result = 1;
  for (const std::int64_t factor : factors) {
    result *= static_cast<std::uint64_t>(factor);
  }
  return result;
}

double default_scale(std::int64_t head_dim) {
  return 1.0 / std::sqrt(static_cast<double>(head_dim));
}

}  // namespace

std::string_view to_string(Mask mask) {
  return mask == Mask::causal ? "causal" : "full";
}

std::string_view to_string(Layout layout) {
  return layout == Layout::bhsd ? "bhsd" : "bshd";
}

Strides strides(Layout layout, std::int64_t heads, std::int64_t rows, std::int64_t head_dim) {
  if (layout == Layout::bhsd) {
    return {.batch = heads * rows * head_dim, .head = rows * head_dim, .row = head_dim};
  }
  return {.batch = rows * heads * head_dim, .head = head_dim, .row = heads * head_dim};
}

std::int64_t visible_keys(const AttentionShape& shape, std::int64_t row) {
  if (shape.mask == Mask::full) {
    return shape.kv_len;
  }
  return std::clamp<std::int64_t>(row + 1 + shape.kv_len - shape.q_len, 0, shape.kv_len);
}

AttentionProblem::AttentionProblem(const AttentionShape& shape) : shape_(shape) {
  if (shape_.type != ElementType::bf16 && shape_.type != ElementType::fp16) {
    throw ParamError("type", "must be bf16 or fp16, found " + std::string(to_string(shape_.type)));
  }
  require_range("batch", shape_.batch, kMaxHeads);
  require_range("heads", shape_.q_heads, kMaxHeads);
  require_range("kv_heads", shape_.kv_heads, kMaxHeads);
  require_range("seq", shape_.q_len, kMaxLength);
  require_range("kv_seq", shape_.kv_len, kMaxLength);
  if (shape_.q_heads % shape_.kv_heads != 0) {
    throw ParamError("kv_heads", "must divide heads (" + std::to_string(shape_.q_heads) +
                                     "), found " + std::to_string(shape_.kv_heads));
  }
  if (shape_.head_dim != 64 && shape_.head_dim != 128) {
    throw ParamError("head_dim", "must be 64 or 128, found " + std::to_string(shape_.head_dim));
  }
  if (shape_.scale == 0) {
    shape_.scale = default_scale(shape_.head_dim);
  }
  if (!(shape_.scale > 0) || !std::isfinite(shape_.scale)) {
    throw ParamError("scale", "must be positive and finite, found " + std::to_string(shape_.scale));
  }
}

std::string AttentionProblem::name() const {
  std::ostringstream name;
  name << "attention/" << to_string(shape_.type) << '/' << to_string(shape_.mask) << "/b"
       << shape_.batch << "hq" << shape_.q_heads << "hkv" << shape_.kv_heads << 'q' << shape_.q_len
       << "kv" << shape_.kv_len << 'd' << shape_.head_dim;
  if (shape_.layout != Layout::bshd) {
    name << '/' << to_string(shape_.layout);
  }
  if (shape_.scale != default_scale(shape_.head_dim)) {
    name << "/scale" << shape_.scale;
  }
  return name.str();
}

ParamMap AttentionProblem::params() const {
  return {
      {"type", std::string(to_string(shape_.type))},
      {"mask", std::string(to_string(shape_.mask))},
      {"layout", std::string(to_string(shape_.layout))},
      {"batch", shape_.batch},
      {"heads", shape_.q_heads},
      {"kv_heads", shape_.kv_heads},
      {"seq", shape_.q_len},
      {"kv_seq", shape_.kv_len},
      {"head_dim", shape_.head_dim},
      {"scale", shape_.scale},
      {"inputs", std::string(kInputDistribution)},
  };
}

std::int64_t AttentionProblem::visible_pairs() const {
  if (shape_.mask == Mask::full) {
    return shape_.q_len * shape_.kv_len;
  }
  // The last row sees all kv_len keys, each row above one key less, until none is left.
  const std::int64_t rows = std::min(shape_.q_len, shape_.kv_len);
  return rows * shape_.kv_len - rows * (rows - 1) / 2;
}

Work AttentionProblem::work() const {
  const auto heads = static_cast<double>(shape_.batch * shape_.q_heads);
  const auto head_dim = static_cast<double>(shape_.head_dim);
  const std::int64_t blind_rows =
      shape_.mask == Mask::causal ? std::max<std::int64_t>(0, shape_.q_len - shape_.kv_len) : 0;
  const double blind_bytes = heads * head_dim * static_cast<double>(blind_rows) *
                             static_cast<double>(element_bytes(shape_.type));
  return {
      .flops = 4.0 * heads * head_dim * static_cast<double>(visible_pairs()),
      .bytes = static_cast<double>(set_bytes()) - blind_bytes,
  };
}

std::uint64_t AttentionProblem::q_elements() const {
  return product({shape_.batch, shape_.q_heads, shape_.q_len, shape_.head_dim});
}

std::uint64_t AttentionProblem::kv_elements() const {
  return product({shape_.batch, shape_.kv_heads, shape_.kv_len, shape_.head_dim});
}

std::uint64_t AttentionProblem::lse_elements() const {
  return product({shape_.batch, shape_.q_heads, shape_.q_len});
}

std::uint64_t AttentionProblem::set_bytes() const {
  return element_bytes(shape_.type) * 2 * (q_elements() + kv_elements()) +
         kLseBytes * lse_elements();
}

std::uint64_t AttentionProblem::footprint_bytes() const {
  return set_bytes();
}

}  // namespace rackproof::kernels::attention
