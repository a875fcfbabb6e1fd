#include "kernels/attention/backward/backward_verify.hpp"

#include "kernels/attention/attention_tolerance.hpp"
#include "kernels/attention/backward/backward_group.hpp"
#include "kernels/attention/backward/backward_launches.hpp"
#include "kernels/attention/backward/backward_oracle.hpp"
#include "kernels/attention/backward/backward_projection.hpp"
#include "kernels/attention/backward/backward_reference.hpp"
#include "kernels/attention/backward/backward_tolerance.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <string>

namespace rackproof::kernels::attention::backward {
namespace {

double largest_magnitude(std::span<const double> values) {
  double largest = 0;
  for (const double value : values) {
    largest = std::max(largest, std::fabs(value));
  }
  return largest;
}

/// Collects the outcome over rows of the three gradients in any order.
class Comparison {
 public:
  Comparison(const BackwardProblem& problem, const HostArrays& arrays)
      : arrays_(arrays),
        type_(problem.shape().type),
        scale_(problem.forward().scale()),
        dq_projection_(hoeffding_sigmas(problem.gradient_elements())),
        dk_projection_(hoeffding_sigmas(problem.gradient_elements())) {
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
    const std::vector<double> actual = decode_row(type_, arrays_.gradients, first, sums.size());
    for (std::size_t d = 0; d < sums.size(); ++d) {
      const double expected = factor * sums[d].value;
      const double tolerance = element_tolerance(model, sums[d], factor).total();
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

  /// The same elements once more: `directions` is w (backward_projection.hpp).
  void project(Array array, std::uint64_t index, std::span<const ElementSums> sums,
               std::span<const double> directions, const ErrorModel& model) {
    const std::uint64_t first = offsets_.at(static_cast<std::size_t>(array)) + index;
    const std::vector<double> actual = decode_row(type_, arrays_.gradients, first, sums.size());
    for (std::size_t d = 0; d < sums.size(); ++d) {
      const ElementTolerance tolerance = element_tolerance(model, sums[d], scale_);
      projection(array).element(actual[d] - scale_ * sums[d].value, directions[d],
                                tolerance.rounding, tolerance.sums);
    }
  }
  [[nodiscard]] Projection& projection(Array array) {
    return array == Array::dq ? dq_projection_ : dk_projection_;
  }

  /// Something beside the elements is wrong; the first one is named.
  void reject(const std::string& reason) {
    if (rejected_.empty()) {
      rejected_ = reason;
    }
  }

  [[nodiscard]] Verification finish(const std::string& coverage, bool projected) {
    outcome_.measure = describe_backward_tolerance() + "; " + coverage;
    if (projected) {
      outcome_.measure +=
          "; " + dq_projection_.describe("dQ") + "; " + dk_projection_.describe("dK");
    }
    if (!rejected_.empty()) {
      outcome_.measure += "; " + rejected_;
    }
    outcome_.passed = outcome_.wrong_elements == 0 &&
                      outcome_.checked_elements == outcome_.total_elements &&
                      dq_projection_.agrees() && dk_projection_.agrees() && rejected_.empty();
    return outcome_;
  }

 private:
  const HostArrays& arrays_;
  ElementType type_;
  double scale_;
  Projection dq_projection_;
  Projection dk_projection_;
  std::string rejected_;
  std::array<std::uint64_t, 3> offsets_{};
  Verification outcome_;
};

double magnitude_sum(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) {
    sum += std::fabs(value);
  }
  return sum;
}

RowErrors errors_of(const ErrorModel& model, const RowWeights& weights, std::span<const double> q,
                    std::span<const double> d_o, std::span<const double> o) {
  if (weights.p.empty()) {
    return {};
  }
  RowFacts facts{.keys = static_cast<double>(weights.p.size()),
                 .lse = weights.forward.lse,
                 .q_abs_sum = magnitude_sum(q),
                 .do_abs_sum = magnitude_sum(d_o),
                 .do_o_abs_sum = 0};
  for (std::size_t d = 0; d < q.size(); ++d) {
    facts.do_o_abs_sum += std::fabs(d_o[d] * o[d]);
  }
  return row_errors(model, facts);
}

/// Whether the forward pass has stored what it should have.
bool output_agrees(const ErrorModel& model, const RowWeights& weights, std::span<const double> q,
                   std::span<const double> o) {
  const ToleranceInputs inputs{.type = model.type,
                               .head_dim = static_cast<std::int64_t>(q.size()),
                               .visible = static_cast<std::int64_t>(weights.p.size()),
                               .scale = model.scale,
                               .q_abs_sum = magnitude_sum(q),
                               .k_max = model.k_max,
                               .v_max = model.v_max,
                               .sigmas = model.sigmas};
  const RowTolerance tolerance(inputs, weights.forward);
  for (std::size_t d = 0; d < o.size(); ++d) {
    // A negated comparison: NaN does not agree.
    if (!(std::fabs(o[d] - weights.forward.output[d]) <= tolerance.output(d))) {
      return false;
    }
  }
  return true;
}

/// lse in units of log2 and D of every query row, which all kernels read.
void compare_statistics(const BackwardProblem& problem, const HostArrays& arrays,
                        const Group& group, Comparison& comparison) {
  for (std::int64_t head = 0; head < group.heads(); ++head) {
    for (std::int64_t row = 0; row < group.q_len(); ++row) {
      const std::vector<double> o = group.o(head, row);
      const std::vector<double> d_o = group.d_o(head, row);
      double delta = 0;
      double magnitude = 0;
      for (std::size_t d = 0; d < o.size(); ++d) {
        delta += o[d] * d_o[d];
        magnitude += std::fabs(o[d] * d_o[d]);
      }
      const auto index = static_cast<std::size_t>(
          statistics_index(problem, group.batch(), group.q_head(head), row));
      const auto stored = static_cast<double>(arrays.statistics[index].delta);
      if (!(std::fabs(stored - delta) <= static_cast<double>(o.size()) * 0x1p-23 * magnitude)) {
        comparison.reject("D OF A ROW IS WRONG, " + group.row_place(head, row) + ": expected " +
                          std::to_string(delta) + ", found " + std::to_string(stored));
        return;
      }
    }
  }
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

/// A query row of a group, kept for the projection.
struct HostRow {
  std::int64_t head = 0;
  std::int64_t row = 0;
  std::vector<double> q;
  RowWeights weights;
  RowErrors errors;
  std::vector<ElementSums> dq;
  std::vector<double> dq_direction;
};

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t d = 0; d < a.size(); ++d) {
    sum += a[d] * b[d];
  }
  return sum;
}

/// Gradients of one group, by its rows.
struct HostGroup {
  std::vector<HostRow> rows;
  std::vector<ElementSums> dk;
  std::vector<ElementSums> dv;
  std::vector<double> dk_direction;
};

/// Adds what one query row contributes.
HostRow add_row(const Group& group, const ErrorModel& model, std::int64_t head, std::int64_t row,
                HostGroup& sums, Comparison& comparison) {
  const std::size_t head_dim = group.head_dim();
  const std::vector<double> d_o = group.d_o(head, row);
  const std::vector<double> o = group.o(head, row);
  HostRow own{.head = head,
              .row = row,
              .q = group.q(head, row),
              .weights = group.weights(head, row),
              .errors = {},
              .dq = std::vector<ElementSums>(head_dim),
              .dq_direction = std::vector<double>(head_dim)};
  own.errors = errors_of(model, own.weights, own.q, d_o, o);
  if (!output_agrees(model, own.weights, own.q, o)) {
    comparison.reject("O OF THE FORWARD PASS IS WRONG, " + group.row_place(head, row));
  }
  std::vector<double> p_keys(head_dim);
  for (std::size_t j = 0; j < own.weights.p.size(); ++j) {
    const double p = own.weights.p[j];
    const double ds = own.weights.ds[j];
    const double ds_error = ds_weight_error(model, own.errors, p, ds);
    const double p_error = p_weight_error(model, own.errors, p);
    const std::size_t key = (static_cast<std::size_t>(group.keys(row).begin) + j) * head_dim;
    for (std::size_t d = 0; d < head_dim; ++d) {
      add(own.dq[d], ds, ds_error, group.k()[key + d]);
      add(sums.dk[key + d], ds, ds_error, own.q[d]);
      add(sums.dv[key + d], p, p_error, d_o[d]);
      p_keys[d] += p * group.k()[key + d];
      sums.dk_direction[key + d] -= model.scale * own.weights.delta * p * own.q[d];
    }
  }
  for (std::size_t d = 0; d < head_dim; ++d) {
    own.dq[d].common =
        own.errors.delta * std::fabs(p_keys[d]) + own.errors.relative * std::fabs(own.dq[d].value);
    own.dq_direction[d] = -model.scale * own.weights.delta * p_keys[d];
  }
  return own;
}

void project(const Group& group, const ErrorModel& model, const HostGroup& sums,
             Comparison& comparison) {
  using Array = Comparison::Array;
  const std::size_t head_dim = group.head_dim();
  for (const HostRow& row : sums.rows) {
    comparison.project(Array::dq, group.q_index(row.head, row.row), row.dq, row.dq_direction,
                       model);
    for (std::size_t j = 0; j < row.weights.p.size(); ++j) {
      const std::size_t key = (static_cast<std::size_t>(group.keys(row.row).begin) + j) * head_dim;
      const double error =
          model.scale * ds_weight_error(model, row.errors, row.weights.p[j], row.weights.ds[j]);
      comparison.projection(Array::dq).weight(
          error * dot(row.dq_direction, group.k().subspan(key, head_dim)));
      comparison.projection(Array::dk).weight(
          error * dot(row.q, std::span(sums.dk_direction).subspan(key, head_dim)));
    }
  }
  for (std::int64_t key = 0; key < group.kv_len(); ++key) {
    const std::size_t first = static_cast<std::size_t>(key) * head_dim;
    comparison.project(Array::dk, group.kv_index(key), std::span(sums.dk).subspan(first, head_dim),
                       std::span(sums.dk_direction).subspan(first, head_dim), model);
  }
}

/// Computes and compares one group on the host.
void compare_on_host(const BackwardProblem& problem, const Group& group, Comparison& comparison) {
  const std::size_t head_dim = group.head_dim();
  const ErrorModel model = model_of(problem, group);
  HostGroup sums{.rows = {},
                 .dk = std::vector<ElementSums>(group.k().size()),
                 .dv = std::vector<ElementSums>(group.v().size()),
                 .dk_direction = std::vector<double>(group.k().size())};
  for (std::int64_t head = 0; head < group.heads(); ++head) {
    for (std::int64_t row = 0; row < group.q_len(); ++row) {
      sums.rows.push_back(add_row(group, model, head, row, sums, comparison));
      comparison.row(Comparison::Array::dq, group.q_index(head, row), sums.rows.back().dq, model,
                     [&] { return group.row_place(head, row); });
    }
  }
  for (std::int64_t key = 0; key < group.kv_len(); ++key) {
    const std::size_t first = static_cast<std::size_t>(key) * head_dim;
    const auto place = [&] { return group.key_place(key); };
    comparison.row(Comparison::Array::dk, group.kv_index(key),
                   std::span(sums.dk).subspan(first, head_dim), model, place);
    comparison.row(Comparison::Array::dv, group.kv_index(key),
                   std::span(sums.dv).subspan(first, head_dim), model, place);
  }
  project(group, model, sums, comparison);
}

/// Two float64 computations of the same sums in different orders: 2^-30 of the tolerance's own
/// scale leaves 23 bits for their roundings and would show any difference of definition.
bool agree(const ErrorModel& model, double value, const ElementSums& oracle) {
  return std::fabs(value - oracle.value) <= 0x1p-20 * element_tolerance(model, oracle, 1.0).total();
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
  bool right = weights.p.empty() || std::fabs(weights.forward.lse - oracle.rows[index].lse) <=
                                        1e-11 * (1 + std::fabs(weights.forward.lse));
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
std::optional<std::int64_t> compare_on_device(const Group& group, const OracleGroup& oracle,
                                              const ErrorModel& model, double host_pairs,
                                              Comparison& comparison) {
  const std::size_t head_dim = group.head_dim();
  const std::int64_t q_len = group.q_len();
  const std::int64_t kv_len = group.kv_len();
  const auto sums = [&](const std::vector<ElementSums>& array, std::int64_t row) {
    return std::span(array).subspan(static_cast<std::size_t>(row) * head_dim, head_dim);
  };
  // Odd distances take every position in a tile in turn.
  const auto distance = [&](std::int64_t rows, std::int64_t work_of_one) {
    const double affordable = host_pairs /
                              static_cast<double>(std::max<std::int64_t>(1, work_of_one)) /
                              static_cast<double>(head_dim);
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
                   [&] { return group.row_place(head, row); });
    if (index % row_distance == 0) {
      ++sampled;
      right = right && row_agrees(group, model, oracle, head, row, q_len);
      if (!output_agrees(model, group.weights(head, row), group.q(head, row), group.o(head, row))) {
        comparison.reject("O OF THE FORWARD PASS IS WRONG, " + group.row_place(head, row));
      }
    }
  }
  for (std::int64_t key = 0; key < kv_len; ++key) {
    const auto place = [&] { return group.key_place(key); };
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
                              const std::vector<BackwardArguments>& launches, cudaStream_t stream,
                              double host_pairs) {
  const AttentionShape& shape = problem.shape();
  const double pairs = static_cast<double>(problem.forward().visible_pairs()) *
                       static_cast<double>(shape.q_heads * shape.head_dim);
  Comparison comparison(problem, arrays);
  const bool on_device = pairs > host_pairs;
  const double pairs_of_group = host_pairs / static_cast<double>(shape.batch * shape.kv_heads) / 2;
  std::int64_t sampled = 0;
  for (std::int64_t batch = 0; batch < shape.batch; ++batch) {
    // One launch of the whole batch, or one for each packed sequence.
    const bool packed = problem.forward().packed();
    const BackwardArguments& launch = launches[packed ? static_cast<std::size_t>(batch) : 0];
    std::optional<BackwardOracle> oracle;
    if (on_device) {
      oracle.emplace(problem, launch);
    }
    for (std::int64_t kv_head = 0; kv_head < shape.kv_heads; ++kv_head) {
      const Group group(problem, arrays, batch, kv_head);
      compare_statistics(problem, arrays, group, comparison);
      if (!oracle) {
        compare_on_host(problem, group, comparison);
        continue;
      }
      const ErrorModel model = model_of(problem, group);
      const auto sample =
          compare_on_device(group, oracle->group(packed ? 0 : batch, kv_head, model, stream), model,
                            pairs_of_group, comparison);
      sampled += sample.value_or(0);
      if (!sample) {
        comparison.reject("THE ORACLE IS WRONG at " + group.place());
      }
    }
  }
  return comparison.finish(
      on_device ? "every element against a float64 oracle kernel (scalar, a CTA for each row), "
                  "itself checked against the host reference on " +
                      std::to_string(sampled) + " rows"
                : "every element against the float64 reference on the host",
      !on_device);
}

}  // namespace rackproof::kernels::attention::backward
