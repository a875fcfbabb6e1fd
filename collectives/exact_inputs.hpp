#pragma once
/// Inputs whose reduction is exact in any order and any bracketing, and its value in closed form.
///
/// Rank r of n contributes to element i
///     v(r, i) = s(i) * w(p),   p = (r + h(i)) mod n,
/// with a scale s(i) = +-2^e, 0 <= e <= 15, drawn by a hash of i, and a rotation h(i) that takes
/// every value once in each block of n elements.
///
/// Sum. The weights are integers 0 <= w(p) with  w(0) + ... + w(n-1) <= B(type). A partial sum over
/// any subset of ranks is then s(i) times an integer of magnitude <= B, so it is representable when
/// all integers up to B are: B = 2^24 for float32 (24 significant bits), 2^8 for bfloat16
/// (8 significant bits). int32 has B = 2^15, so that |s| B <= 2^30 does not wrap.
/// With c = floor(B / n) >= 1: w(p) = 1 + p mod c, each at most c, so the sum is <= n c <= B.
/// With n > B: w(p) = 1 for p < B, else 0. No upper limit on n.
///
/// Min and max return one of their inputs, which are representable. Position 0 decides: its weight
/// is 255 where the larger magnitude wins and 1 where the smaller does, all others have
/// 64 + p mod 64.
///
/// What it detects: a missing or repeated rank changes every element where its weight is not 0
/// (sum), or one element of each block of n (min, max); a shifted, swapped or repeated chunk meets
/// another s(i): each of its elements goes unnoticed with probability 1/32, independently.

#include "collectives/types.hpp"

#include <cstdint>

#if defined(__CUDACC__)
#define RACKPROOF_HOST_DEVICE __host__ __device__
#else
#define RACKPROOF_HOST_DEVICE
#endif

namespace rackproof::collectives::exact {

/// Largest sum of weights that keeps every partial sum representable.
[[nodiscard]] RACKPROOF_HOST_DEVICE constexpr std::int64_t weight_budget(DataType type) {
  switch (type) {
    case DataType::float32:
      return std::int64_t{1} << 24;
    case DataType::bfloat16:
      return std::int64_t{1} << 8;
    case DataType::int32:
      return std::int64_t{1} << 15;
  }
  return 0;
}

/// Bijective 64-bit mixer: Steele, Lea, Flood, "Fast splittable pseudorandom number generators"
/// (OOPSLA 2014), with the constants of Stafford's variant 13.
[[nodiscard]] RACKPROOF_HOST_DEVICE constexpr std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// s(i): sign from bit 4 and exponent from bits 0-3 of the hash.
[[nodiscard]] RACKPROOF_HOST_DEVICE constexpr std::int64_t scale(std::uint64_t element) {
  const std::uint64_t bits = mix(element + 1);
  const std::int64_t magnitude = std::int64_t{1} << (bits & 15);
  return (bits & 16) != 0 ? -magnitude : magnitude;
}

/// p = (r + h(i)) mod n: one pass over all positions in each block of n elements.
[[nodiscard]] RACKPROOF_HOST_DEVICE constexpr std::int64_t position(int rank, int ranks,
                                                                    std::uint64_t element) {
  const auto n = static_cast<std::uint64_t>(ranks);
  const std::uint64_t rotation = element % n + mix(element / n) % n;
  return static_cast<std::int64_t>((static_cast<std::uint64_t>(rank) + rotation) % n);
}

[[nodiscard]] RACKPROOF_HOST_DEVICE constexpr std::int64_t sum_weight(std::int64_t p, int ranks,
                                                                      std::int64_t budget) {
  const std::int64_t cap = budget / ranks;
  return cap >= 1 ? 1 + p % cap : (p < budget ? 1 : 0);
}

/// w(0) + ... + w(n-1): n ones, plus full periods of 0..c-1, plus the rest of one.
[[nodiscard]] RACKPROOF_HOST_DEVICE constexpr std::int64_t sum_of_weights(int ranks,
                                                                          std::int64_t budget) {
  const std::int64_t cap = budget / ranks;
  if (cap < 1) {
    return budget;
  }
  const std::int64_t periods = ranks / cap;
  const std::int64_t rest = ranks % cap;
  return ranks + periods * (cap * (cap - 1) / 2) + rest * (rest - 1) / 2;
}

/// The weight of the one contribution that is the minimum or maximum at scale `s`.
[[nodiscard]] RACKPROOF_HOST_DEVICE constexpr std::int64_t deciding_weight(ReduceOp op,
                                                                           std::int64_t s) {
  const bool larger_magnitude_wins = (op == ReduceOp::max) == (s > 0);
  return larger_magnitude_wins ? 255 : 1;
}

/// What rank `rank` contributes to element `element`: an integer that `type` represents.
[[nodiscard]] RACKPROOF_HOST_DEVICE constexpr std::int64_t contribution(DataType type, ReduceOp op,
                                                                        int rank, int ranks,
                                                                        std::uint64_t element) {
  const std::int64_t p = position(rank, ranks, element);
  const std::int64_t s = scale(element);
  if (op == ReduceOp::sum) {
    return s * sum_weight(p, ranks, weight_budget(type));
  }
  return s * (p == 0 ? deciding_weight(op, s) : 64 + p % 64);
}

/// The reduction of all ranks' contributions to `element`.
[[nodiscard]] RACKPROOF_HOST_DEVICE constexpr std::int64_t reduced(DataType type, ReduceOp op,
                                                                   int ranks,
                                                                   std::uint64_t element) {
  const std::int64_t s = scale(element);
  return s * (op == ReduceOp::sum ? sum_of_weights(ranks, weight_budget(type))
                                  : deciding_weight(op, s));
}

}  // namespace rackproof::collectives::exact

#undef RACKPROOF_HOST_DEVICE
