// Driver: tensor maps. The 128 bytes of a CUtensorMap are async::TensorMap.

#include "emulator/async/tensor_map.hpp"

#include "emulator/api/cuda/forward.hpp"
#include "emulator/engine/core.hpp"

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstdio>
#include <cstring>
#include <limits>
#include <string>

using namespace rackproof::emulator;  // NOLINT: this file is the C API

namespace {

using rackproof::emulator::async::TensorMap;
using rackproof::emulator::async::TensorMode;

constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 32;

/// What the three kinds of tensor map have in common.
struct TensorArguments {
  CUtensorMapDataType type;
  cuuint32_t rank;
  void* address;
  const cuuint64_t* sizes;
  const cuuint64_t* strides;
  const cuuint32_t* element_strides;
  CUtensorMapInterleave interleave;
  CUtensorMapSwizzle swizzle;
  CUtensorMapL2promotion promotion;
  CUtensorMapFloatOOBfill fill;
};

cudaError_t reject(const char* name, const std::string& rule) {
  std::fprintf(stderr, "rackproof emulator: %s: %s\n", name, rule.c_str());
  return cudaErrorInvalidValue;
}

// Enumerations and pointers; the rest is for broken_rule().
std::string set_tensor(const TensorArguments& arguments, TensorMap& map) {
  if (arguments.rank < 1 || arguments.rank > 5) {
    return "tensorRank is not within 1 to 5";
  }
  if (arguments.sizes == nullptr || arguments.element_strides == nullptr ||
      (arguments.strides == nullptr && arguments.rank > 1)) {
    return "an array is missing";
  }
  if (static_cast<unsigned>(arguments.interleave) > CU_TENSOR_MAP_INTERLEAVE_32B ||
      static_cast<unsigned>(arguments.swizzle) > CU_TENSOR_MAP_SWIZZLE_128B_ATOM_64B ||
      static_cast<unsigned>(arguments.promotion) > CU_TENSOR_MAP_L2_PROMOTION_L2_256B ||
      static_cast<unsigned>(arguments.fill) > CU_TENSOR_MAP_FLOAT_OOB_FILL_NAN_REQUEST_ZERO_FMA) {
    return "interleave, swizzle, l2Promotion or oobFill is no value of its enumeration";
  }
  map.element = static_cast<rackproof::emulator::async::TensorElement>(arguments.type);
  map.rank = static_cast<std::uint8_t>(arguments.rank);
  map.interleave = static_cast<rackproof::emulator::async::TensorInterleave>(arguments.interleave);
  map.swizzle = static_cast<rackproof::emulator::async::TensorSwizzle>(arguments.swizzle);
  map.l2_promotion = static_cast<std::uint8_t>(arguments.promotion);
  map.fill = static_cast<rackproof::emulator::async::TensorFill>(arguments.fill);
  map.address = reinterpret_cast<std::uintptr_t>(arguments.address);
  for (std::size_t i = 0; i < arguments.rank; ++i) {
    if (arguments.sizes[i] == 0 || arguments.sizes[i] > kMaxSize) {
      return "globalDim[" + std::to_string(i) + "] is not within 1 to 2^32";
    }
    map.last_index[i] = static_cast<std::uint32_t>(arguments.sizes[i] - 1);
    // Out of range stays out of range.
    map.element_strides[i] =
        static_cast<std::uint8_t>(std::min<cuuint32_t>(arguments.element_strides[i], 255));
    if (i != 0) {
      map.strides[i - 1] = arguments.strides[i - 1];
    }
  }
  return {};
}

std::uint16_t narrow(cuuint32_t value) {
  return static_cast<std::uint16_t>(
      std::min<cuuint32_t>(value, std::numeric_limits<std::uint16_t>::max()));
}

template <typename Box>
CUresult encode(const char* name, CUtensorMap* result, const TensorArguments& arguments,
                Box&& set_box) {
  return api::forward(name, [&] {
    // Its alignment of 64 bytes is documented and not demanded: objects of Python have 16, and nvcc
    // places variables of host code at less, too.
    if (result == nullptr) {
      return reject(name, "tensorMap is missing");
    }
    if (engine::Core::instance().rack().gpu.cc_major < 9) {
      return cudaErrorNotSupported;
    }
    TensorMap map;
    std::string rule = set_tensor(arguments, map);
    rule = rule.empty() ? set_box(map) : rule;
    rule = rule.empty() ? rackproof::emulator::async::broken_rule(map) : rule;
    if (!rule.empty()) {
      return reject(name, rule);
    }
    std::memcpy(static_cast<void*>(result), &map, sizeof map);
    return cudaSuccess;
  });
}

}  // namespace

extern "C" {

CUresult cuTensorMapEncodeTiled(CUtensorMap* result, CUtensorMapDataType type, cuuint32_t rank,
                                void* address, const cuuint64_t* sizes, const cuuint64_t* strides,
                                const cuuint32_t* box, const cuuint32_t* element_strides,
                                CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                                CUtensorMapL2promotion promotion, CUtensorMapFloatOOBfill fill) {
  return encode(
      "cuTensorMapEncodeTiled", result,
      {type, rank, address, sizes, strides, element_strides, interleave, swizzle, promotion, fill},
      [&](TensorMap& map) -> std::string {
        if (box == nullptr) {
          return "boxDim is missing";
        }
        for (std::size_t i = 0; i < rank; ++i) {
          map.box[i] = narrow(box[i]);
        }
        return {};
      });
}

CUresult cuTensorMapEncodeIm2col(CUtensorMap* result, CUtensorMapDataType type, cuuint32_t rank,
                                 void* address, const cuuint64_t* sizes, const cuuint64_t* strides,
                                 const int* lower, const int* upper, cuuint32_t channels,
                                 cuuint32_t pixels, const cuuint32_t* element_strides,
                                 CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                                 CUtensorMapL2promotion promotion, CUtensorMapFloatOOBfill fill) {
  return encode(
      "cuTensorMapEncodeIm2col", result,
      {type, rank, address, sizes, strides, element_strides, interleave, swizzle, promotion, fill},
      [&](TensorMap& map) -> std::string {
        map.mode = TensorMode::im2col;
        map.channels = narrow(channels);
        map.pixels = narrow(pixels);
        if (rank < 3 || lower == nullptr || upper == nullptr) {
          return "im2col needs three to five dimensions and the corners of its box";
        }
        for (std::size_t i = 0; i < rank - 2; ++i) {
          if (lower[i] < -32768 || lower[i] > 32767 || upper[i] < -32768 || upper[i] > 32767) {
            return "a corner of the pixel box is out of range";
          }
          map.lower[i] = static_cast<std::int16_t>(lower[i]);
          map.upper[i] = static_cast<std::int16_t>(upper[i]);
        }
        return {};
      });
}

CUresult cuTensorMapEncodeIm2colWide(
    CUtensorMap* result, CUtensorMapDataType type, cuuint32_t rank, void* address,
    const cuuint64_t* sizes, const cuuint64_t* strides, int lower, int upper, cuuint32_t channels,
    cuuint32_t pixels, const cuuint32_t* element_strides, CUtensorMapInterleave interleave,
    CUtensorMapIm2ColWideMode mode, CUtensorMapSwizzle swizzle, CUtensorMapL2promotion promotion,
    CUtensorMapFloatOOBfill fill) {
  return encode(
      "cuTensorMapEncodeIm2colWide", result,
      {type, rank, address, sizes, strides, element_strides, interleave, swizzle, promotion, fill},
      [&](TensorMap& map) -> std::string {
        if (engine::Core::instance().rack().gpu.cc_major < 10) {
          return "im2col::w needs compute capability 10.0";
        }
        if (lower < -32768 || lower > 32767 || upper < -32768 || upper > 32767) {
          return "a corner of the pixel box is out of range";
        }
        map.mode = TensorMode::im2col_wide;
        map.is_wide_128 = mode == CU_TENSOR_MAP_IM2COL_WIDE_MODE_W128;
        map.channels = narrow(channels);
        map.pixels = narrow(pixels);
        map.lower[0] = static_cast<std::int16_t>(lower);
        map.upper[0] = static_cast<std::int16_t>(upper);
        return {};
      });
}

CUresult cuTensorMapReplaceAddress(CUtensorMap* map, void* address) {
  constexpr const char* kName = "cuTensorMapReplaceAddress";
  return api::forward(kName, [&] {
    TensorMap changed;
    if (map == nullptr) {
      return reject(kName, "tensorMap is missing");
    }
    std::memcpy(&changed, static_cast<const void*>(map), sizeof changed);
    if (changed.magic != TensorMap::kMagic) {
      return reject(kName, "tensorMap was not encoded");
    }
    changed.address = reinterpret_cast<std::uintptr_t>(address);
    if (const std::string rule = rackproof::emulator::async::broken_rule(changed); !rule.empty()) {
      return reject(kName, rule);
    }
    std::memcpy(static_cast<void*>(map), &changed, sizeof changed);
    return cudaSuccess;
  });
}

}  // extern "C"
