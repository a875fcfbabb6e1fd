#pragma once
/// Whether D is right, from the errors of all elements together.
///
/// A D that is wrong by a factor 1 + a moves dQ_i by -a scale D_i sum_j p_ij k_j and dK_j by
/// -a scale sum_i D_i p_ij q_i: call that a w. Where rows see many keys this is far below what the
/// rounding of dS does to one element, but the projection (sum e w) / (sum w^2) of all errors e
/// gives a, as far as the errors' own share of sum e w leaves it open:
///   roundings of dS   the error e_ij of weight (i, j) enters through scale (w . k_j) or (w . q_i),
///                     once; of random signs: L times the root of the sum of squares
///   results           L times the root of the sum of (w rounding)^2
///   adding up         at most sum |w| times its bound
/// (backward_tolerance.hpp has the terms.)

#include <string>

namespace rackproof::kernels::attention::backward {

class Projection {
 public:
  explicit Projection(double sigmas) : sigmas_(sigmas) {}

  /// One element: its error, the direction w, and its bounds.
  void element(double error, double direction, double rounding, double sums) {
    along_ += error * direction;
    squares_ += direction * direction;
    independent_ += direction * rounding * direction * rounding;
    systematic_ += (direction < 0 ? -direction : direction) * sums;
  }
  /// One weight: the bound of its error times scale times (w . input).
  void weight(double error) { independent_ += error * error; }

  /// a, and how far it may be from 0 where D is right.
  [[nodiscard]] double factor() const { return squares_ == 0 ? 0 : along_ / squares_; }
  [[nodiscard]] double bound() const;
  [[nodiscard]] bool agrees() const;
  /// "D in dQ off by 0.04 %, up to 0.31 % by rounding alone", or "D WRONG in dQ off by ...".
  [[nodiscard]] std::string describe(const char* array) const;

 private:
  double sigmas_;
  double along_ = 0;
  double squares_ = 0;
  double independent_ = 0;
  double systematic_ = 0;
};

}  // namespace rackproof::kernels::attention::backward
