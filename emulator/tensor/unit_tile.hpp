#pragma once
/// The fast path of the matrix units: operands decoded into floats, rows of D sixteen columns at a
/// time, on whatever vectors the host has.
///
/// Why floats give the same bits: operands have at most 11 significant bits, so products in fp32
/// are exact; times a power of two that puts the last kept bit at 1, the conversion to integer cuts
/// them toward zero exactly where the unit does. Lines are scaled so that their largest element has
/// exponent 0. An element whose products all lie below 2^-60 after that, or whose sum nears the
/// ends of fp32, is left to multiply_element().

#include "emulator/tensor/dot_product.hpp"
#include "emulator/tensor/matrix_unit.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rackproof::emulator::tensor {

inline constexpr std::size_t kUnitLanes = 16;

struct DecodedOperand {
  std::size_t lines = 0;
  std::size_t padded_lines = 0;  ///< of B: a multiple of kUnitLanes
  // A: line by line; B: step of k by step of k, padded_lines wide.
  std::vector<float> values;
  std::vector<std::int16_t> exponents;  ///< fused sums: relative to line_exponents
  // Fused sums, by line.
  std::vector<std::int32_t> line_exponents;
  std::vector<std::int32_t> zero_lines;     ///< -1: nothing but zeros, 0: not so
  std::vector<std::int32_t> unusual_lines;  ///< -1: Inf, NaN: the fast path cannot take it
  // Sums of 16, A: line by line; B: group by group.
  std::vector<float> scale_significands;
  std::vector<std::int32_t> scale_exponents;
};

/// Which vectors the loops use; the answer is the same.
enum class VectorPath : std::uint8_t { portable, avx512 };
[[nodiscard]] bool vector_path_available(VectorPath path);
[[nodiscard]] VectorPath best_vector_path();

struct UnitTile {
  const MatrixUnit* unit = nullptr;
  DotModel model;
  const DecodedOperand* a = nullptr;
  const DecodedOperand* b = nullptr;
  std::uint32_t* d = nullptr;
  std::size_t stride = 0;
};
/// Writes the elements that the fast path can compute. `redo`: for each row of D and block of
/// kUnitLanes columns a bit for each element that still holds C.
void multiply_unit_tile(const UnitTile& tile, VectorPath path, std::vector<std::uint16_t>& redo);

/// multiply_accumulate() of matrix_unit.hpp on given vectors.
void multiply_accumulate_on(VectorPath path, const MatrixUnit& unit, const PreparedOperand& a,
                            const PreparedOperand& b, std::uint32_t* d, std::size_t stride);

/// What sums at once: 16 products of mxf4 and mxf4nvf4, along K with the elements left out.
[[nodiscard]] std::size_t group_elements(const MatrixUnit& unit);
/// F and the bits of the result.
[[nodiscard]] DotModel unit_model(const MatrixUnit& unit);
[[nodiscard]] inline bool sums_groups(const MatrixUnit& unit) {
  return unit.kind == UnitKind::mxf4 || unit.kind == UnitKind::mxf4nvf4;
}

/// A scale factor: significand x 2^exponent.
struct ScaleFactor {
  float significand = 1;
  int exponent = 0;
  bool nan = false;
};
[[nodiscard]] ScaleFactor decode_scale(ScaleFormat format, std::uint8_t code);

}  // namespace rackproof::emulator::tensor
