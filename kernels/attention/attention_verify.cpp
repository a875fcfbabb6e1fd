#include "kernels/attention/attention_verify.hpp"

#include "kernels/attention/attention_oracle.hpp"
#include "kernels/attention/attention_reference.hpp"
#include "kernels/attention/attention_tolerance.hpp"
#include "kernels/common/host_codec.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <string>

namespace rackproof::kernels::attention {
namespace {

double largest_magnitude(std::span<const double> values) {
  double largest = 0;
  for (const double value : values) {
    largest = std::max(largest, std::fabs(value));
  }
  return largest;
}

/// K and V of one key/value head, decoded.
struct KeyValueHead {
  std::vector<double> k;
  std::vector<double> v;
  double k_max = 0;
  double v_max = 0;
};

/// Reads the arrays of a problem by their strides.
class ArrayReader {
 public:
  ArrayReader(const AttentionProblem& problem, const HostArrays& arrays)
      : problem_(problem), shape_(problem.shape()), arrays_(arrays) {}

  [[nodiscard]] KeyValueHead key_value_head(std::int64_t batch, std::int64_t kv_head) const {
    KeyValueHead head{.k = decode_rows(arrays_.k, batch, kv_head),
                      .v = decode_rows(arrays_.v, batch, kv_head)};
    head.k_max = largest_magnitude(head.k);
    head.v_max = largest_magnitude(head.v);
    return head;
  }
  [[nodiscard]] std::vector<double> query_row(std::int64_t batch, std::int64_t q_head,
                                              std::int64_t row) const {
    return decode_row(arrays_.q, problem_.q_index(batch, q_head, row));
  }
  [[nodiscard]] std::vector<double> output_row(std::int64_t batch, std::int64_t q_head,
                                               std::int64_t row) const {
    return decode_row(arrays_.o, problem_.q_index(batch, q_head, row));
  }
  [[nodiscard]] double lse(std::int64_t batch, std::int64_t q_head, std::int64_t row) const {
    return static_cast<double>(
        arrays_.lse[static_cast<std::size_t>(problem_.lse_index(batch, q_head, row))]);
  }

 private:
  [[nodiscard]] std::vector<double> decode_row(const std::vector<std::byte>& array,
                                               std::int64_t index) const {
    std::vector<float> row(static_cast<std::size_t>(shape_.head_dim));
    const std::size_t byte_offset = static_cast<std::size_t>(index) * element_bytes(shape_.type);
    decode(shape_.type, array.data() + byte_offset, row);
    return {row.begin(), row.end()};
  }
  [[nodiscard]] std::vector<double> decode_rows(const std::vector<std::byte>& array,
                                                std::int64_t batch, std::int64_t kv_head) const {
    const std::int64_t count = problem_.lengths(batch).kv;
    std::vector<double> rows;
    rows.reserve(static_cast<std::size_t>(count * shape_.head_dim));
    for (std::int64_t row = 0; row < count; ++row) {
      const std::vector<double> values = decode_row(array, problem_.kv_index(batch, kv_head, row));
      rows.insert(rows.end(), values.begin(), values.end());
    }
    return rows;
  }

  const AttentionProblem& problem_;
  const AttentionShape& shape_;
  const HostArrays& arrays_;
};

/// reference_row() over the keys that a row sees.
ReferenceRow reference_of(std::span<const double> query, const KeyValueHead& head,
                          const KeyRange& keys, double scale) {
  const auto first = static_cast<std::size_t>(keys.begin) * query.size();
  return reference_row(query, std::span(head.k).subspan(first), std::span(head.v).subspan(first),
                       keys.size(), scale);
}

ToleranceInputs tolerance_inputs(const AttentionProblem& problem, const KeyRange& keys,
                                 const KeyValueHead& head, std::span<const double> query) {
  const AttentionShape& shape = problem.shape();
  double q_abs_sum = 0;
  for (const double value : query) {
    q_abs_sum += std::fabs(value);
  }
  return {.type = shape.type,
          .head_dim = shape.head_dim,
          .visible = keys.size(),
          .scale = problem.scale(),
          .q_abs_sum = q_abs_sum,
          .k_max = head.k_max,
          .v_max = head.v_max,
          .sigmas = hoeffding_sigmas(problem.q_elements() + problem.lse_elements())};
}

/// Collects the outcome over rows in any order.
class Comparison {
 public:
  Comparison(const AttentionProblem& problem, const ArrayReader& reader)
      : problem_(problem), reader_(reader) {
    outcome_.total_elements = problem.q_elements() + problem.lse_elements();
    outcome_.tolerance = 1;
  }

  void row(std::int64_t batch, std::int64_t q_head, std::int64_t row, const ToleranceInputs& inputs,
           const ReferenceRow& reference) {
    const RowTolerance tolerance(inputs, reference);
    const std::string place = "batch " + std::to_string(batch) + ", head " +
                              std::to_string(q_head) + ", row " + std::to_string(row);
    const std::vector<double> actual = reader_.output_row(batch, q_head, row);
    const auto first = static_cast<std::uint64_t>(problem_.q_index(batch, q_head, row));
    for (std::size_t d = 0; d < actual.size(); ++d) {
      element(first + d, reference.output[d], actual[d], tolerance.output(d),
              [&] { return place + ", column " + std::to_string(d); });
    }
    element(
        problem_.q_elements() + static_cast<std::uint64_t>(problem_.lse_index(batch, q_head, row)),
        reference.lse, reader_.lse(batch, q_head, row), tolerance.lse(),
        [&] { return "lse of " + place; });
  }

  [[nodiscard]] Verification finish(const std::string& coverage) {
    outcome_.passed =
        outcome_.wrong_elements == 0 && outcome_.checked_elements == outcome_.total_elements;
    outcome_.measure = describe_tolerance(problem_.shape().type) + "; " + coverage;
    return outcome_;
  }

 private:
  template <typename Describe>
  void element(std::uint64_t index, double expected, double actual, double tolerance,
               const Describe& coordinate) {
    ++outcome_.checked_elements;
    // Equality first: -infinity and 0 are exact where no key is visible.
    const double error = expected == actual ? 0 : std::fabs(actual - expected);
    if (error <= tolerance) {
      outcome_.max_error = std::max(outcome_.max_error, error == 0 ? 0 : error / tolerance);
      return;
    }
    ++outcome_.wrong_elements;
    const double ratio = error / tolerance;
    outcome_.max_error = std::isfinite(ratio) ? std::max(outcome_.max_error, ratio)
                                              : std::numeric_limits<double>::max();
    if (!outcome_.first_wrong || index < outcome_.first_wrong->index) {
      outcome_.first_wrong = WrongElement{
          .index = index, .coordinate = coordinate(), .expected = expected, .actual = actual};
    }
  }

  const AttentionProblem& problem_;
  const ArrayReader& reader_;
  Verification outcome_;
};

/// About `wanted` rows, evenly spread over heads and rows, and the very last one. The distance is
/// odd, hence coprime to every power-of-two tile: the sample takes each position in a tile in turn.
class RowSample {
 public:
  RowSample(const AttentionShape& shape, double wanted)
      : rows_(shape.q_len), last_(shape.batch * shape.q_heads * shape.q_len - 1) {
    const auto distance = static_cast<std::int64_t>(static_cast<double>(last_ + 1) / wanted);
    distance_ = distance + (distance % 2 == 0 ? 1 : 0);
  }
  [[nodiscard]] bool contains(std::int64_t head, std::int64_t row) const {
    const std::int64_t index = head * rows_ + row;
    return index % distance_ == 0 || index == last_;
  }

 private:
  std::int64_t rows_;
  std::int64_t last_;
  std::int64_t distance_;
};

/// Both are float64 sums of at most n terms below max|v|, over weights whose exponents carry an
/// error of D roundings of the largest score; the factor 4 covers exp, log and the division.
bool agree(const ReferenceRow& a, const ReferenceRow& b, const ToleranceInputs& inputs) {
  if (inputs.visible == 0) {
    return a.lse == b.lse && a.output == b.output;
  }
  const double score_error =
      inputs.scale * inputs.q_abs_sum * inputs.k_max * static_cast<double>(inputs.head_dim);
  const double relative = 4 * 0x1p-53 * (static_cast<double>(inputs.visible) + score_error);
  for (std::size_t d = 0; d < a.output.size(); ++d) {
    if (!(std::fabs(a.output[d] - b.output[d]) <= relative * inputs.v_max)) {
      return false;
    }
  }
  return std::fabs(a.lse - b.lse) <= relative * (1 + std::fabs(a.lse));
}

/// Calls visit(batch, q_head, head) for every query head, decoding each key/value head once.
template <typename Visit>
void for_each_head(const AttentionProblem& problem, const ArrayReader& reader, const Visit& visit) {
  const AttentionShape& shape = problem.shape();
  const std::int64_t group = shape.q_heads / shape.kv_heads;
  for (std::int64_t batch = 0; batch < shape.batch; ++batch) {
    for (std::int64_t kv_head = 0; kv_head < shape.kv_heads; ++kv_head) {
      const KeyValueHead head = reader.key_value_head(batch, kv_head);
      for (std::int64_t q_head = kv_head * group; q_head < (kv_head + 1) * group; ++q_head) {
        visit(batch, q_head, head);
      }
    }
  }
}

Verification verify_on_host(const AttentionProblem& problem, const ArrayReader& reader) {
  Comparison comparison(problem, reader);
  for_each_head(problem, reader,
                [&](std::int64_t batch, std::int64_t q_head, const KeyValueHead& head) {
                  const SequenceLengths lengths = problem.lengths(batch);
                  for (std::int64_t row = 0; row < lengths.q; ++row) {
                    const std::vector<double> query = reader.query_row(batch, q_head, row);
                    const KeyRange keys = visible_keys(problem.shape(), lengths, row);
                    comparison.row(batch, q_head, row, tolerance_inputs(problem, keys, head, query),
                                   reference_of(query, head, keys, problem.scale()));
                  }
                });
  return comparison.finish("every element against the float64 reference on the host");
}

Verification verify_on_device(const AttentionProblem& problem, const ArrayReader& reader,
                              const AttentionArguments& arguments, cudaStream_t stream,
                              double host_multiply_adds) {
  const AttentionShape& shape = problem.shape();
  Comparison comparison(problem, reader);
  DeviceOracle oracle(problem, arguments);
  const RowSample sample(shape,
                         host_multiply_adds / static_cast<double>(shape.kv_len * shape.head_dim));
  std::int64_t sampled = 0;
  std::string disagreement;
  for_each_head(
      problem, reader, [&](std::int64_t batch, std::int64_t q_head, const KeyValueHead& head) {
        const SequenceLengths lengths = problem.lengths(batch);
        for (std::int64_t first = 0; first < lengths.q; first += DeviceOracle::kMaxRows) {
          const std::int64_t count = std::min(DeviceOracle::kMaxRows, lengths.q - first);
          const std::vector<ReferenceRow> rows = oracle.rows(batch, q_head, first, count, stream);
          for (std::int64_t i = 0; i < count; ++i) {
            const std::int64_t row = first + i;
            const ReferenceRow& reference = rows[static_cast<std::size_t>(i)];
            const std::vector<double> query = reader.query_row(batch, q_head, row);
            const KeyRange keys = visible_keys(shape, lengths, row);
            const ToleranceInputs inputs = tolerance_inputs(problem, keys, head, query);
            comparison.row(batch, q_head, row, inputs, reference);
            if (sample.contains(batch * shape.q_heads + q_head, row)) {
              ++sampled;
              if (!agree(reference, reference_of(query, head, keys, inputs.scale), inputs)) {
                disagreement = "; THE ORACLE IS WRONG at batch " + std::to_string(batch) +
                               ", head " + std::to_string(q_head) + ", row " + std::to_string(row);
              }
            }
          }
        }
      });
  Verification outcome = comparison.finish(
      "every element against a float64 oracle kernel (two passes, scalar), itself checked against "
      "the host reference on " +
      std::to_string(sampled) + " rows" + disagreement);
  outcome.passed = outcome.passed && disagreement.empty();
  return outcome;
}

}  // namespace

Verification verify_output(const AttentionProblem& problem, const HostArrays& arrays,
                           const AttentionArguments& arguments, cudaStream_t stream,
                           double host_multiply_adds) {
  const AttentionShape& shape = problem.shape();
  const ArrayReader reader(problem, arrays);
  const double multiply_adds = static_cast<double>(shape.q_heads) *
                               static_cast<double>(problem.visible_pairs()) *
                               static_cast<double>(shape.head_dim);
  return multiply_adds <= host_multiply_adds
             ? verify_on_host(problem, reader)
             : verify_on_device(problem, reader, arguments, stream, host_multiply_adds);
}

}  // namespace rackproof::kernels::attention
