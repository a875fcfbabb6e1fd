#include "kernels/attention/backward/backward_verify.hpp"

#include "kernels/attention/attention_tolerance.hpp"
#include "kernels/attention/backward/backward_oracle.hpp"
#include "kernels/attention/backward/backward_reference.hpp"
#include "kernels/attention/backward/backward_tolerance.hpp"
#include "kernels/common/host_codec.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <string>

namespace rackproof::kernels::attention::backward {
namespace {

std::vector<double> decode_row(const std::vector<std::byte>& array, std::uint64_t index,
                               std::size_t head_dim) {
  std::vector<float> row(head_dim);
  decode(ElementType::bf16, array.data() + index * element_bytes(ElementType::bf16), row);
  return {row.begin(), row.end()};
}

double largest_magnitude(std::span<const double> values) {
  double largest = 0;
  for (const double value : values) {
    largest = std::max(largest, std::fabs(value));
  }
  return largest;
}

/// One (batch, key/value head) as doubles: its keys, and its query rows one by one.
class Group {
 public:
  Group(const BackwardProblem& problem, const HostArrays& arrays, std::int64_t batch,
        std::int64_t kv_head)
      : forward_(problem.forward()), arrays_(arrays), batch_(batch), kv_head_(kv_head) {
    for (std::int64_t key = 0; key < forward_.shape().kv_len; ++key) {
      const auto index = static_cast<std::uint64_t>(forward_.kv_index(batch, kv_head, key));
      append(k_, decode_row(arrays.k, index, head_dim()));
      append(v_, decode_row(arrays.v, index, head_dim()));
    }
  }

  [[nodiscard]] std::int64_t heads() const {
    return forward_.shape().q_heads / forward_.shape().kv_heads;
  }
  [[nodiscard]] std::int64_t q_head(std::int64_t head) const { return kv_head_ * heads() + head; }
  [[nodiscard]] std::span<const double> k() const { return k_; }
  [[nodiscard]] std::span<const double> v() const { return v_; }
  [[nodiscard]] std::vector<double> q(std::int64_t head, std::int64_t row) const {
    return decode_row(arrays_.q, q_index(head, row), head_dim());
  }
  [[nodiscard]] std::vector<double> d_o(std::int64_t head, std::int64_t row) const {
    return decode_row(arrays_.d_o, q_index(head, row), head_dim());
  }
  [[nodiscard]] KeyRange keys(std::int64_t row) const {
    return visible_keys(forward_.shape(), forward_.lengths(batch_), row);
  }
  [[nodiscard]] RowWeights weights(std::int64_t head, std::int64_t row) const {
    return row_weights(q(head, row), d_o(head, row), k_, v_, keys(row), forward_.scale());
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

 private:
  static void append(std::vector<double>& rows, const std::vector<double>& row) {
    rows.insert(rows.end(), row.begin(), row.end());
  }
  const AttentionProblem& forward_;
  const HostArrays& arrays_;
  std::int64_t batch_;
  std::int64_t kv_head_;
  std::vector<double> k_;
  std::vector<double> v_;
};

/// Collects the outcome over rows of the three gradients in any order.
class Comparison {
 public:
  Comparison(const BackwardProblem& problem, const HostArrays& arrays)
      : arrays_(arrays), scale_(problem.forward().scale()) {
    const std::uint64_t q = problem.forward().q_elements();
    offsets_ = {0, q, q + problem.forward().kv_elements()};
    outcome_.total_elements = problem.gradient_elements();
    outcome_.tolerance = 1;
  }

  enum class Array : std::uint8_t { dq, dk, dv };

  /// `index`: of the row's first element within its array.
  template <typename Describe>
  void row(Array array, std::uint64_t index, std::span<const ElementSums> sums,
           const ErrorModel& model, const Describe& place) {
    const double factor = array == Array::dv ? 1.0 : scale_;
    const std::uint64_t first = offsets_.at(static_cast<std::size_t>(array)) + index;
    const std::vector<double> actual = decode_row(arrays_.gradients, first, sums.size());
    for (std::size_t d = 0; d < sums.size(); ++d) {
      const double expected = factor * sums[d].value;
      const double tolerance = element_tolerance(model, sums[d], factor);
      const double error = expected == actual[d] ? 0 : std::fabs(actual[d] - expected);
      ++outcome_.checked_elements;
      if (error <= tolerance) {
        outcome_.max_error = std::max(outcome_.max_error, error == 0 ? 0 : error / tolerance);
        continue;
      }
      ++outcome_.wrong_elements;
      const double ratio = error / tolerance;
      outcome_.max_error = std::isfinite(ratio) ? std::max(outcome_.max_error, ratio)
                                                : std::numeric_limits<double>::max();
      if (!outcome_.first_wrong || first + d < outcome_.first_wrong->index) {
        constexpr std::array<const char*, 3> kNames{"dQ", "dK", "dV"};
        outcome_.first_wrong =
            WrongElement{.index = first + d,
                         .coordinate = std::string(kNames.at(static_cast<std::size_t>(array))) +
                                       " of " + place() + ", column " + std::to_string(d),
                         .expected = expected,
                         .actual = actual[d]};
      }
    }
  }

  [[nodiscard]] Verification finish(const std::string& coverage) {
    outcome_.passed =
        outcome_.wrong_elements == 0 && outcome_.checked_elements == outcome_.total_elements;
    outcome_.measure = describe_backward_tolerance() + "; " + coverage;
    return outcome_;
  }

 private:
  const HostArrays& arrays_;
  double scale_;
  std::array<std::uint64_t, 3> offsets_{};
  Verification outcome_;
};

RowErrors errors_of(const ErrorModel& model, const RowWeights& weights, std::span<const double> q,
                    std::span<const double> d_o) {
  if (weights.p.empty()) {
    return {};
  }
  RowFacts facts{.keys = static_cast<double>(weights.p.size()), .lse = weights.lse};
  for (std::size_t d = 0; d < q.size(); ++d) {
    const double do_o = d_o[d] * weights.output[d];
    facts.q_abs_sum += std::fabs(q[d]);
    facts.do_abs_sum += std::fabs(d_o[d]);
    facts.do_o_squares += do_o * do_o;
    facts.do_o_abs_sum += std::fabs(do_o);
  }
  for (std::size_t j = 0; j < weights.p.size(); ++j) {
    facts.p_squares += weights.p[j] * weights.p[j];
    facts.p_dp_squares += std::pow(weights.p[j] * weights.dp[j], 2);
  }
  return row_errors(model, facts);
}

ErrorModel model_of(const BackwardProblem& problem, const Group& group) {
  return error_model(problem.shape().type, problem.shape().head_dim, problem.forward().scale(),
                     hoeffding_sigmas(problem.gradient_elements()), largest_magnitude(group.k()),
                     largest_magnitude(group.v()));
}

void add(ElementSums& sums, double weight, double weight_error, double input) {
  sums.value += weight * input;
  sums.squares += std::pow(weight_error * input, 2);
  sums.terms += 1;
}

/// Computes and compares one group on the host.
void compare_on_host(const BackwardProblem& problem, const Group& group, Comparison& comparison) {
  const std::size_t head_dim = group.head_dim();
  const ErrorModel model = model_of(problem, group);
  std::vector<ElementSums> dk(group.k().size());
  std::vector<ElementSums> dv(group.v().size());
  for (std::int64_t head = 0; head < group.heads(); ++head) {
    for (std::int64_t row = 0; row < problem.shape().q_len; ++row) {
      const std::vector<double> q = group.q(head, row);
      const std::vector<double> d_o = group.d_o(head, row);
      const RowWeights weights = group.weights(head, row);
      const RowErrors errors = errors_of(model, weights, q, d_o);
      std::vector<ElementSums> dq(head_dim);
      std::vector<double> p_keys(head_dim);
      for (std::size_t j = 0; j < weights.p.size(); ++j) {
        const double p = weights.p[j];
        const double ds = weights.ds[j];
        const double dq_error = dq_weight_error(model, errors, p, ds);
        const double dk_error = dk_weight_error(model, errors, p, ds);
        const double dv_error = dv_weight_error(model, errors, p);
        const std::size_t key = (static_cast<std::size_t>(group.keys(row).begin) + j) * head_dim;
        for (std::size_t d = 0; d < head_dim; ++d) {
          add(dq[d], ds, dq_error, group.k()[key + d]);
          add(dk[key + d], ds, dk_error, q[d]);
          add(dv[key + d], p, dv_error, d_o[d]);
          p_keys[d] += p * group.k()[key + d];
        }
      }
      for (std::size_t d = 0; d < head_dim; ++d) {
        dq[d].common = errors.delta * model.sigmas * std::fabs(p_keys[d]) +
                       errors.relative * std::fabs(dq[d].value);
      }
      comparison.row(Comparison::Array::dq, group.q_index(head, row), dq, model, [&] {
        return group.place() + ", query head " + std::to_string(group.q_head(head)) + ", row " +
               std::to_string(row);
      });
    }
  }
  for (std::int64_t key = 0; key < problem.shape().kv_len; ++key) {
    const std::size_t first = static_cast<std::size_t>(key) * head_dim;
    const auto place = [&] { return group.place() + ", key " + std::to_string(key); };
    comparison.row(Comparison::Array::dk, group.kv_index(key),
                   std::span(dk).subspan(first, head_dim), model, place);
    comparison.row(Comparison::Array::dv, group.kv_index(key),
                   std::span(dv).subspan(first, head_dim), model, place);
  }
}

/// Two float64 computations of the same sums in different orders: 2^-30 of the tolerance's own
/// scale leaves 23 bits for their roundings and would show any difference of definition.
bool agree(const ErrorModel& model, double value, const ElementSums& oracle) {
  return std::fabs(value - oracle.value) <= 0x1p-20 * element_tolerance(model, oracle, 1.0);
}

/// The oracle's row against the host's definition; what it says of the row, and dQ.
bool row_agrees(const Group& group, const ErrorModel& model, const OracleGroup& oracle,
                std::int64_t head, std::int64_t row, std::int64_t q_len) {
  const auto index = static_cast<std::size_t>(head * q_len + row);
  const RowWeights weights = group.weights(head, row);
  std::vector<double> dq(group.head_dim());
  const auto first = static_cast<std::size_t>(group.keys(row).begin) * dq.size();
  for (std::size_t j = 0; j < weights.ds.size(); ++j) {
    for (std::size_t d = 0; d < dq.size(); ++d) {
      dq[d] += weights.ds[j] * group.k()[first + j * dq.size() + d];
    }
  }
  bool right = weights.p.empty() || std::fabs(weights.lse - oracle.rows[index].lse) <=
                                        1e-11 * (1 + std::fabs(weights.lse));
  for (std::size_t d = 0; d < dq.size(); ++d) {
    right = right && agree(model, dq[d], oracle.dq[index * dq.size() + d]);
  }
  return right;
}

/// The oracle's key against the host's definition, with the oracle's lse and D of each row.
bool key_agrees(const Group& group, const ErrorModel& model, const OracleGroup& oracle,
                std::int64_t key, std::int64_t q_len) {
  const std::size_t head_dim = group.head_dim();
  const auto first = static_cast<std::size_t>(key) * head_dim;
  const auto dot = [&](std::span<const double> a, std::span<const double> rows) {
    double sum = 0;
    for (std::size_t d = 0; d < head_dim; ++d) {
      sum += a[d] * rows[first + d];
    }
    return sum;
  };
  std::vector<double> dk(head_dim);
  std::vector<double> dv(head_dim);
  for (std::int64_t head = 0; head < group.heads(); ++head) {
    for (std::int64_t row = 0; row < q_len; ++row) {
      const KeyRange keys = group.keys(row);
      if (key < keys.begin || key >= keys.end) {
        continue;
      }
      const std::vector<double> q = group.q(head, row);
      const std::vector<double> d_o = group.d_o(head, row);
      const OracleRow& facts = oracle.rows[static_cast<std::size_t>(head * q_len + row)];
      const double p = std::exp(model.scale * dot(q, group.k()) - facts.lse);
      const double ds = p * (dot(d_o, group.v()) - facts.delta);
      for (std::size_t d = 0; d < head_dim; ++d) {
        dk[d] += ds * q[d];
        dv[d] += p * d_o[d];
      }
    }
  }
  for (std::size_t d = 0; d < head_dim; ++d) {
    if (!agree(model, dk[d], oracle.dk[first + d]) || !agree(model, dv[d], oracle.dv[first + d])) {
      return false;
    }
  }
  return true;
}

/// Compares one group with the oracle, and the oracle with the host on a sample; returns the
/// sample's size, or nothing if the oracle is wrong.
std::optional<std::int64_t> compare_on_device(const BackwardProblem& problem, const Group& group,
                                              const OracleGroup& oracle, const ErrorModel& model,
                                              double host_pairs, Comparison& comparison) {
  const std::size_t head_dim = group.head_dim();
  const std::int64_t q_len = problem.shape().q_len;
  const std::int64_t kv_len = problem.shape().kv_len;
  const auto sums = [&](const std::vector<ElementSums>& array, std::int64_t row) {
    return std::span(array).subspan(static_cast<std::size_t>(row) * head_dim, head_dim);
  };
  // Odd distances take every position in a tile in turn.
  const auto distance = [&](std::int64_t rows, std::int64_t work_of_one) {
    const double affordable =
        host_pairs / static_cast<double>(work_of_one) / static_cast<double>(head_dim);
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(rows) /
                                                               std::max(2.0, affordable))) |
           1;
  };
  const std::int64_t row_distance = distance(group.heads() * q_len, kv_len);
  const std::int64_t key_distance = distance(kv_len, group.heads() * q_len);
  std::int64_t sampled = 0;
  bool right = true;
  for (std::int64_t index = 0; index < group.heads() * q_len; ++index) {
    const std::int64_t head = index / q_len;
    const std::int64_t row = index % q_len;
    comparison.row(Comparison::Array::dq, group.q_index(head, row), sums(oracle.dq, index), model,
                   [&] {
                     return group.place() + ", query head " + std::to_string(group.q_head(head)) +
                            ", row " + std::to_string(row);
                   });
    if (index % row_distance == 0) {
      ++sampled;
      right = right && row_agrees(group, model, oracle, head, row, q_len);
    }
  }
  for (std::int64_t key = 0; key < kv_len; ++key) {
    const auto place = [&] { return group.place() + ", key " + std::to_string(key); };
    comparison.row(Comparison::Array::dk, group.kv_index(key), sums(oracle.dk, key), model, place);
    comparison.row(Comparison::Array::dv, group.kv_index(key), sums(oracle.dv, key), model, place);
    if (key % key_distance == 0) {
      ++sampled;
      right = right && key_agrees(group, model, oracle, key, q_len);
    }
  }
  return right ? std::optional(sampled) : std::nullopt;
}

}  // namespace

Verification verify_gradients(const BackwardProblem& problem, const HostArrays& arrays,
                              const BackwardArguments& arguments, cudaStream_t stream,
                              double host_pairs) {
  const AttentionShape& shape = problem.shape();
  const double pairs = static_cast<double>(problem.forward().visible_pairs()) *
                       static_cast<double>(shape.q_heads * shape.head_dim);
  Comparison comparison(problem, arrays);
  std::optional<BackwardOracle> oracle;
  if (pairs > host_pairs) {
    oracle.emplace(problem, arguments);
  }
  const double pairs_of_group = host_pairs / static_cast<double>(shape.batch * shape.kv_heads) / 2;
  std::int64_t sampled = 0;
  std::string disagreement;
  for (std::int64_t batch = 0; batch < shape.batch; ++batch) {
    for (std::int64_t kv_head = 0; kv_head < shape.kv_heads; ++kv_head) {
      const Group group(problem, arrays, batch, kv_head);
      if (!oracle) {
        compare_on_host(problem, group, comparison);
        continue;
      }
      const ErrorModel model = model_of(problem, group);
      const auto sample =
          compare_on_device(problem, group, oracle->group(batch, kv_head, model, stream), model,
                            pairs_of_group, comparison);
      sampled += sample.value_or(0);
      if (!sample) {
        disagreement = "; THE ORACLE IS WRONG at " + group.place();
      }
    }
  }
  Verification outcome = comparison.finish(
      oracle ? "every element against a float64 oracle kernel (scalar, a CTA for each row), itself "
               "checked against the host reference on " +
                   std::to_string(sampled) + " rows" + disagreement
             : "every element against the float64 reference on the host");
  outcome.passed = outcome.passed && disagreement.empty();
  return outcome;
}

}  // namespace rackproof::kernels::attention::backward
