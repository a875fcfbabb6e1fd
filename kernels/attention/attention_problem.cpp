#include "kernels/attention/attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

namespace rackproof::kernels::attention {
namespace {

constexpr std::uint64_t kLseBytes = sizeof(float);
/// Row and key indices are 32-bit in the kernels, with room for one tile beyond the end.
constexpr std::int64_t kMaxLength = std::int64_t{1} << 29;
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

/// Pairs with j <= i + offset, 0 <= i < q_len, 0 <= j < kv_len: rows of min(kv_len, i + offset +
/// 1).
std::int64_t pairs_up_to(const SequenceLengths& lengths, std::int64_t offset) {
  const std::int64_t first = std::clamp<std::int64_t>(-offset, 0, lengths.q);  // first that sees
  const std::int64_t whole = std::clamp<std::int64_t>(lengths.kv - offset - 1, first, lengths.q);
  const std::int64_t partial = whole - first;  // rows that see first + offset + 1, one more each
  return partial * (first + offset + 1) + partial * (partial - 1) / 2 +
         (lengths.q - whole) * lengths.kv;
}

std::int64_t pairs_of(const AttentionShape& shape, const SequenceLengths& lengths) {
  const std::int64_t diagonal = lengths.kv - lengths.q;
  const std::int64_t seen = shape.window_right == kUnlimited
                                ? lengths.q * lengths.kv
                                : pairs_up_to(lengths, diagonal + shape.window_right);
  const std::int64_t before =
      shape.window_left == kUnlimited ? 0 : pairs_up_to(lengths, diagonal - shape.window_left - 1);
  return seen - before;
}

}  // namespace

double default_scale(std::int64_t head_dim) {
  return 1.0 / std::sqrt(static_cast<double>(head_dim));
}

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

KeyRange visible_keys(const AttentionShape& shape, const SequenceLengths& lengths,
                      std::int64_t row) {
  const std::int64_t diagonal = row + lengths.kv - lengths.q;
  KeyRange keys{.begin = 0, .end = lengths.kv};
  if (shape.window_right != kUnlimited) {
    keys.end = std::clamp<std::int64_t>(diagonal + shape.window_right + 1, 0, lengths.kv);
  }
  if (shape.window_left != kUnlimited) {
    keys.begin = std::clamp<std::int64_t>(diagonal - shape.window_left, 0, keys.end);
  }
  return keys;
}

AttentionProblem::AttentionProblem(const AttentionShape& shape) : shape_(shape) {
  if (shape_.type != ElementType::bf16 && shape_.type != ElementType::fp16) {
    throw ParamError("type", "must be bf16 or fp16, found " + std::string(to_string(shape_.type)));
  }
  if (packed()) {
    pack_sequences();
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
  set_windows();
  if (shape_.scale == 0) {
    shape_.scale = default_scale(shape_.head_dim);
  }
  if (!(shape_.scale > 0) || !std::isfinite(shape_.scale)) {
    throw ParamError("scale", "must be positive and finite, found " + std::to_string(shape_.scale));
  }
}

void AttentionProblem::pack_sequences() {
  if (shape_.layout != Layout::bshd) {
    throw ParamError("layout", "packed sequences are laid out as bshd");
  }
  shape_.batch = static_cast<std::int64_t>(shape_.sequences.size());
  shape_.q_len = shape_.kv_len = 0;
  SequenceLengths total;
  for (const SequenceLengths& lengths : shape_.sequences) {
    if (lengths.q < 0 || lengths.kv < 0) {
      throw ParamError("lengths", "must not be negative, found " +
                                      std::to_string(std::min(lengths.q, lengths.kv)));
    }
    begins_.push_back(total);
    total = {.q = total.q + lengths.q, .kv = total.kv + lengths.kv};
    shape_.q_len = std::max(shape_.q_len, lengths.q);
    shape_.kv_len = std::max(shape_.kv_len, lengths.kv);
  }
  begins_.push_back(total);
  require_range("lengths", total.q, kMaxLength);
  require_range("kv_lengths", total.kv, kMaxLength);
}

void AttentionProblem::set_windows() {
  for (const auto& [key, window] : {std::pair{"window_left", shape_.window_left},
                                    std::pair{"window_right", shape_.window_right}}) {
    if (window < kUnlimited || window > kMaxLength) {
      throw ParamError(key, "must lie in 0.." + std::to_string(kMaxLength) +
                                ", or be -1 (unlimited), found " + std::to_string(window));
    }
  }
  if (shape_.mask == Mask::causal) {
    if (shape_.window_right > 0) {
      throw ParamError("window_right", "a causal mask sees no key behind the diagonal");
    }
    shape_.window_right = 0;
  }
}

bool AttentionProblem::windowed() const noexcept {
  return shape_.window_left != kUnlimited ||
         (shape_.mask == Mask::full && shape_.window_right != kUnlimited);
}

std::uint32_t AttentionProblem::lengths_digest() const {
  std::uint32_t hash = 2166136261U;
  const auto mix = [&hash](std::int64_t value) {
    for (int byte = 0; byte < 4; ++byte) {
      hash = (hash ^ (static_cast<std::uint32_t>(value >> (8 * byte)) & 0xffU)) * 16777619U;
    }
  };
  for (const SequenceLengths& lengths : shape_.sequences) {
    mix(lengths.q);
    mix(lengths.kv);
  }
  return hash;
}

SequenceLengths AttentionProblem::lengths(std::int64_t batch) const {
  return packed() ? shape_.sequences[static_cast<std::size_t>(batch)]
                  : SequenceLengths{.q = shape_.q_len, .kv = shape_.kv_len};
}

std::string AttentionProblem::name() const {
  std::ostringstream name;
  name << "attention/" << to_string(shape_.type) << '/' << to_string(shape_.mask) << "/b"
       << shape_.batch << "hq" << shape_.q_heads << "hkv" << shape_.kv_heads << 'q' << shape_.q_len
       << "kv" << shape_.kv_len << 'd' << shape_.head_dim;
  if (packed()) {
    name << "/packed" << shape_.batch << 'q' << q_rows() << "kv" << kv_rows() << '/' << std::hex
         << lengths_digest() << std::dec;
  }
  if (shape_.window_left != kUnlimited) {
    name << "/left" << shape_.window_left;
  }
  if (shape_.mask == Mask::full && shape_.window_right != kUnlimited) {
    name << "/right" << shape_.window_right;
  }
  if (shape_.layout != Layout::bshd) {
    name << '/' << to_string(shape_.layout);
  }
  if (shape_.scale != default_scale(shape_.head_dim)) {
    name << "/scale" << shape_.scale;
  }
  return name.str();
}

ParamMap AttentionProblem::params() const {
  ParamMap params{
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
  if (windowed()) {
    params["window_left"] = shape_.window_left;
    params["window_right"] = shape_.window_right;
  }
  if (packed()) {
    std::vector<std::int64_t> q_lengths;
    std::vector<std::int64_t> kv_lengths;
    for (const SequenceLengths& lengths : shape_.sequences) {
      q_lengths.push_back(lengths.q);
      kv_lengths.push_back(lengths.kv);
    }
    params["lengths"] = q_lengths;
    params["kv_lengths"] = kv_lengths;
  }
  return params;
}

std::int64_t AttentionProblem::visible_pairs() const {
  std::int64_t pairs = 0;
  for_each_length([&](const SequenceLengths& lengths, std::int64_t count) {
    pairs += count * pairs_of(shape_, lengths);
  });
  return pairs;
}

Work AttentionProblem::work() const {
  std::int64_t seeing_rows = 0;
  std::int64_t seen_keys = 0;
  for_each_length([&](const SequenceLengths& lengths, std::int64_t count) {
    if (lengths.q == 0 || lengths.kv == 0) {
      return;
    }
    // Windows move one key a row: what they cover together has no gap, and the last row, whose
    // diagonal is the last key, sees something. Rows that see nothing are the first ones.
    const KeyRange last = visible_keys(shape_, lengths, lengths.q - 1);
    seen_keys += count * (last.end - visible_keys(shape_, lengths, 0).begin);
    const std::int64_t blind =
        shape_.window_right == kUnlimited
            ? 0
            : std::clamp<std::int64_t>(lengths.q - lengths.kv - shape_.window_right, 0, lengths.q);
    seeing_rows += count * (lengths.q - blind);
  });
  const auto rows = static_cast<double>(shape_.q_heads) * static_cast<double>(shape_.head_dim);
  const auto kv_rows = static_cast<double>(shape_.kv_heads) * static_cast<double>(shape_.head_dim);
  const double elements = rows * static_cast<double>(seeing_rows) +
                          2 * kv_rows * static_cast<double>(seen_keys) +
                          static_cast<double>(q_elements());
  return {
      .flops = 4.0 * rows * static_cast<double>(visible_pairs()),
      .bytes = elements * element_bytes(shape_.type) +
               static_cast<double>(kLseBytes * lse_elements() + table_bytes()),
  };
}

std::int64_t AttentionProblem::q_rows() const {
  return packed() ? begins_.back().q : shape_.batch * shape_.q_len;
}

std::int64_t AttentionProblem::kv_rows() const {
  return packed() ? begins_.back().kv : shape_.batch * shape_.kv_len;
}

Strides AttentionProblem::q_strides() const {
  Strides result = strides(shape_.layout, shape_.q_heads, shape_.q_len, shape_.head_dim);
  result.batch = packed() ? 0 : result.batch;
  return result;
}

Strides AttentionProblem::kv_strides() const {
  Strides result = strides(shape_.layout, shape_.kv_heads, shape_.kv_len, shape_.head_dim);
  result.batch = packed() ? 0 : result.batch;
  return result;
}

std::int64_t AttentionProblem::q_begin(std::int64_t batch) const {
  return packed() ? begins_[static_cast<std::size_t>(batch)].q : 0;
}

std::int64_t AttentionProblem::kv_begin(std::int64_t batch) const {
  return packed() ? begins_[static_cast<std::size_t>(batch)].kv : 0;
}

std::int64_t AttentionProblem::q_index(std::int64_t batch, std::int64_t q_head,
                                       std::int64_t row) const {
  const Strides stride = q_strides();
  return batch * stride.batch + q_head * stride.head + (q_begin(batch) + row) * stride.row;
}

std::int64_t AttentionProblem::kv_index(std::int64_t batch, std::int64_t kv_head,
                                        std::int64_t row) const {
  const Strides stride = kv_strides();
  return batch * stride.batch + kv_head * stride.head + (kv_begin(batch) + row) * stride.row;
}

std::int64_t AttentionProblem::lse_index(std::int64_t batch, std::int64_t q_head,
                                         std::int64_t row) const {
  return packed() ? q_head * q_rows() + q_begin(batch) + row
                  : (batch * shape_.q_heads + q_head) * shape_.q_len + row;
}

std::uint64_t AttentionProblem::q_elements() const {
  return product({q_rows(), shape_.q_heads, shape_.head_dim});
}

std::uint64_t AttentionProblem::kv_elements() const {
  return product({kv_rows(), shape_.kv_heads, shape_.head_dim});
}

std::uint64_t AttentionProblem::lse_elements() const {
  return product({q_rows(), shape_.q_heads});
}

std::uint64_t AttentionProblem::table_bytes() const {
  return begins_.size() * 2 * sizeof(std::int32_t);
}

std::uint64_t AttentionProblem::set_bytes() const {
  return element_bytes(shape_.type) * 2 * (q_elements() + kv_elements()) +
         kLseBytes * lse_elements() + table_bytes();
}

std::uint64_t AttentionProblem::footprint_bytes() const {
  return set_bytes();
}

}  // namespace rackproof::kernels::attention
