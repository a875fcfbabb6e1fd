#pragma once
/// The quantisers from their definition (quantize.hpp), on the host; shares no code with the
/// kernels.

#include "kernels/common/element_type.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rackproof::kernels::quantize {

struct Quantized {
  std::vector<std::byte> elements;  ///< rows without a gap
  std::vector<std::byte> scales;
};

/// `values` are `rows` rows of `columns`, dense; columns a multiple of 32.
[[nodiscard]] Quantized quantize_reference(ElementType type, std::span<const float> values,
                                           std::int64_t rows, std::int64_t columns);

}  // namespace rackproof::kernels::quantize
