#pragma once
/// Small integers in every NCCL type, through CUDA's own conversions.

#include <nccl.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace rackproof::emulator::api_nccl::test {

/// `make` turns an int into a value of the element type.
struct ElementType {
  ncclDataType_t type;
  const char* name;
  std::size_t bytes;
  bool is_signed;
  void (*store)(int value, std::byte* to);
};

template <typename T>
ElementType element_type(ncclDataType_t type, const char* name, bool is_signed = true) {
  return {type, name, sizeof(T), is_signed, [](int value, std::byte* to) {
            const T element = static_cast<T>(static_cast<float>(value));
            std::memcpy(to, &element, sizeof element);
          }};
}

inline std::vector<ElementType> all_types() {
  return {
      element_type<std::int8_t>(ncclInt8, "int8"),
      element_type<std::uint8_t>(ncclUint8, "uint8", false),
      element_type<std::int32_t>(ncclInt32, "int32"),
      element_type<std::uint32_t>(ncclUint32, "uint32", false),
      element_type<std::int64_t>(ncclInt64, "int64"),
      element_type<std::uint64_t>(ncclUint64, "uint64", false),
      element_type<__half>(ncclFloat16, "float16"),
      element_type<float>(ncclFloat32, "float32"),
      element_type<double>(ncclFloat64, "float64"),
      element_type<__nv_bfloat16>(ncclBfloat16, "bfloat16"),
      element_type<__nv_fp8_e4m3>(ncclFloat8e4m3, "float8e4m3"),
      element_type<__nv_fp8_e5m2>(ncclFloat8e5m2, "float8e5m2"),
  };
}

template <typename Value>
std::vector<std::byte> encode(const ElementType& type, std::size_t count, Value value) {
  std::vector<std::byte> bytes(count * type.bytes);
  for (std::size_t i = 0; i < count; ++i) {
    type.store(value(i), bytes.data() + i * type.bytes);
  }
  return bytes;
}

}  // namespace rackproof::emulator::api_nccl::test
