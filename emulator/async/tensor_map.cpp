#include "emulator/async/tensor_map.hpp"

namespace rackproof::emulator::async {
namespace {

constexpr std::uint64_t kMaxStride = std::uint64_t{1} << 40;
constexpr std::uint32_t kMaxBox = 256;
constexpr std::uint32_t kMaxPixels = 1024;
constexpr std::uint32_t kMaxElementStride = 8;
constexpr std::uint32_t kPaddedBox = 128;

bool is_padded(TensorElement element) {
  return element == TensorElement::b4x16_p64 || element == TensorElement::b6x16_p32;
}

std::uint64_t swizzle_span(TensorSwizzle swizzle) {
  switch (swizzle) {
    case TensorSwizzle::none:
      return ~std::uint64_t{0};
    case TensorSwizzle::span_32:
      return 32;
    case TensorSwizzle::span_64:
      return 64;
    default:
      return 128;
  }
}

std::string broken_tensor_rule(const TensorMap& map) {
  const bool is_padded_type = is_padded(map.element);
  const std::uint64_t unit =
      map.interleave == TensorInterleave::bytes_32 || is_padded_type ? 32 : 16;
  if (static_cast<std::uint32_t>(map.element) >= kTensorElements) {
    return "the data type is unknown";
  }
  if (map.rank < 1 || map.rank > 5 ||
      ((map.interleave != TensorInterleave::none || map.mode != TensorMode::tiled) &&
       map.rank < 3)) {
    return "tensorRank is not within 1 to 5 (3 to 5 with interleave or im2col)";
  }
  if (map.address == 0 || map.address % unit != 0) {
    return "globalAddress is not aligned to " + std::to_string(unit) + " bytes";
  }
  if (is_padded_type && map.size(0) % kPaddedBox != 0) {
    return "globalDim[0] of a padded type is no multiple of 128";
  }
  if (map.element == TensorElement::b4x16 && map.size(0) % 2 != 0) {
    return "globalDim[0] of 16U4_ALIGN8B is odd";
  }
  for (std::size_t i = 0; i + 1 < map.rank; ++i) {
    if (map.strides[i] % unit != 0 || map.strides[i] >= kMaxStride) {
      return "globalStrides[" + std::to_string(i) + "] is no multiple of " + std::to_string(unit) +
             " below 2^40";
    }
  }
  for (std::size_t i = 0; i < map.rank; ++i) {
    const bool is_ignored = i == 0 && map.interleave == TensorInterleave::none;
    if (!is_ignored &&
        (map.element_strides[i] == 0 || map.element_strides[i] > kMaxElementStride)) {
      return "elementStrides[" + std::to_string(i) + "] is not within 1 to 8";
    }
  }
  if (map.fill == TensorFill::nan && (!is_float(map.element) || is_packed(map.element))) {
    return "a NaN fill needs a floating-point type";
  }
  return {};
}

std::string broken_box_rule(const TensorMap& map) {
  const bool is_tiled = map.mode == TensorMode::tiled;
  if (is_tiled) {
    for (std::size_t i = 0; i < map.rank; ++i) {
      if (map.box[i] == 0 || map.box[i] > kMaxBox) {
        return "boxDim[" + std::to_string(i) + "] is not within 1 to 256";
      }
    }
  } else {
    if (map.channels == 0 || map.channels > kMaxBox) {
      return "channelsPerPixel is not within 1 to 256";
    }
    if (!map.is_wide_128 && (map.pixels == 0 || map.pixels > kMaxPixels)) {
      return "pixelsPerColumn is not within 1 to 1024";
    }
    const std::size_t spatial = map.mode == TensorMode::im2col ? map.rank - std::size_t{2} : 1;
    const std::int32_t limit = spatial == 1 ? 32768 : spatial == 2 ? 128 : 16;
    for (std::size_t i = 0; i < spatial; ++i) {
      const bool fits = map.lower[i] >= -limit && map.lower[i] < limit && map.upper[i] >= -limit &&
                        map.upper[i] < limit;
      if (!fits) {
        return "a corner of the pixel box is not within " + std::to_string(-limit) + " to " +
               std::to_string(limit - 1);
      }
      if (static_cast<std::int64_t>(map.size(i + 1)) + map.upper[i] <= map.lower[i]) {
        return "the pixel box is empty";
      }
    }
  }
  const std::uint32_t inner = is_tiled ? map.box[0] : map.channels;
  if (is_padded(map.element) && inner != kPaddedBox) {
    return "the inner dimension of the box is not 128 elements of a padded type";
  }
  const std::uint64_t inner_bytes =
      map.element == TensorElement::b4x16 && inner % 2 != 0 ? 1 : shared_bytes(map.element, inner);
  if (map.interleave == TensorInterleave::none) {
    if (inner_bytes % 16 != 0) {
      return "the inner dimension of the box is no multiple of 16 bytes";
    }
    if (inner_bytes > swizzle_span(map.swizzle)) {
      return "the inner dimension of the box is " + std::to_string(inner_bytes) +
             " bytes, more than the swizzle's span";
    }
  }
  return {};
}

std::string broken_layout_rule(const TensorMap& map) {
  using enum TensorSwizzle;
  if (map.interleave == TensorInterleave::bytes_32 && map.swizzle != span_32) {
    return "an interleave of 32 bytes needs a swizzle of 32 bytes";
  }
  if (map.element == TensorElement::b6x16_p32 && map.interleave != TensorInterleave::none) {
    return "16U6_ALIGN16B does not interleave";
  }
  const bool fits_padded =
      map.swizzle == none || map.swizzle == span_128 || map.swizzle == span_128_atom_32 ||
      (map.swizzle == span_128_atom_64 && map.element == TensorElement::b6x16_p32);
  if (is_padded(map.element) && !fits_padded) {
    return "the padded types take no swizzle or one of 128 bytes";
  }
  if (map.mode == TensorMode::im2col_wide && map.interleave != TensorInterleave::none) {
    return "im2col::w does not interleave";
  }
  if (map.mode == TensorMode::im2col_wide && map.swizzle != span_64 && map.swizzle != span_128 &&
      map.swizzle != span_128_atom_32) {
    return "im2col::w takes swizzles of 64 and 128 bytes only";
  }
  return {};
}

}  // namespace

bool is_float(TensorElement element) {
  return element >= TensorElement::f16 && element <= TensorElement::tf32_ftz;
}

bool is_packed(TensorElement element) {
  return element >= TensorElement::b4x16;
}

std::uint64_t global_bytes(TensorElement element, std::uint64_t count) {
  constexpr std::array<std::uint8_t, kTensorElements> kBits = {8,  16, 32, 32, 64, 64, 16, 32,
                                                               64, 16, 32, 32, 32, 4,  4,  6};
  return count * kBits[static_cast<std::size_t>(element)] / 8;
}

std::uint64_t shared_bytes(TensorElement element, std::uint64_t count) {
  return is_padded(element) ? count : global_bytes(element, count);
}

std::string broken_rule(const TensorMap& map) {
  if (std::string rule = broken_tensor_rule(map); !rule.empty()) {
    return rule;
  }
  std::string rule = broken_box_rule(map);
  return rule.empty() ? broken_layout_rule(map) : rule;
}

}  // namespace rackproof::emulator::async
