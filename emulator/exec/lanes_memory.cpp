// Addresses of a memory instruction, and vectors of words between memory order and registers.
#include "emulator/exec/lane_support.hpp"
#include "emulator/exec/windows.hpp"

namespace rackproof::emulator::exec::RACKPROOF_LANES {
namespace {

// Addresses in shared memory have 32 bits; of a wider register the rest does not count, be it a
// generic address (PTX ISA 9.0, section 6.4.1).
inline uint64_t address_bits(const Op& op) {
  const auto space = static_cast<AddressKind>(op.space);
  return space == AddressKind::shared || space == AddressKind::shared_cluster ? 0xffffffffU
                                                                              : ~uint64_t{0};
}

}  // namespace

void compute_addresses(const LaneContext& lanes, const Op& op, uint32_t mask, uint32_t bytes,
                       Addresses& addresses) {
  const auto offset = static_cast<uint64_t>(op.immediate);
  uint64_t* const value = addresses.value;
  if ((op.mode & kWideAddressMode) != 0) {
    const auto* words = source<uint64_t>(lanes, op.a);
    const uint64_t bits = address_bits(op);
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      value[lane] = (words[lane] + offset) & bits;
    }
  } else {
    const auto* words = source<uint32_t>(lanes, op.a);
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      value[lane] = static_cast<uint32_t>(words[lane] + offset);
    }
  }
  summarise_addresses(mask, bytes, addresses);
}

namespace {

// All lanes' words step on by `step`, which is 0 or a power of two.
template <class W>
inline bool steps(const W* words, uint32_t step) {
  const int shift = step == 0 ? 0 : std::countr_zero(step);
  const W first = words[0];
  W apart = 0;
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    const W distance = step == 0 ? 0 : static_cast<W>(W{lane} << shift);
    apart |= words[lane] ^ (first + distance);
  }
  return apart == 0;
}

template <class W>
inline AddressPattern pattern_of(const W* words, uint32_t bytes) {
  // The second lane tells which of the two it can be.
  const W step = words[1] - words[0];
  if (step == bytes) {
    return steps(words, bytes) ? AddressPattern::contiguous : AddressPattern::scattered;
  }
  return step == 0 && steps(words, 0) ? AddressPattern::uniform : AddressPattern::scattered;
}

}  // namespace

AddressPattern address_pattern(const LaneContext& lanes, const Op& op, uint32_t bytes,
                               uint64_t& first) {
  if ((op.mode & kWideAddressMode) != 0) {
    const auto* words = source<uint64_t>(lanes, op.a);
    first = (words[0] + static_cast<uint64_t>(op.immediate)) & address_bits(op);
    return pattern_of(words, bytes);
  }
  const auto* words = source<uint32_t>(lanes, op.a);
  first = static_cast<uint32_t>(words[0] + static_cast<uint32_t>(op.immediate));
  return pattern_of(words, bytes);
}

void summarise_addresses(uint32_t mask, uint32_t bytes, Addresses& addresses) {
  uint64_t* const value = addresses.value;
  const uint64_t first = value[std::countr_zero(mask)];
  if (mask != kFullMask) {
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      value[lane] = (mask >> lane & 1U) != 0 ? value[lane] : first;
    }
  }
  uint64_t low = first;
  uint64_t high = first;
  uint64_t bits = 0;
  uint64_t uneven = 0;
  uint64_t apart = 0;
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    const uint64_t address = value[lane];
    low = address < low ? address : low;
    high = address > high ? address : high;
    bits |= address;
    uneven |= address ^ (value[0] + uint64_t{lane} * bytes);
    apart |= address ^ first;
  }
  addresses.low = low;
  addresses.high = high;
  addresses.bits = bits;
  addresses.contiguous = uneven == 0 && mask == kFullMask;
  addresses.uniform = apart == 0;
}

namespace {

// Vectors of the widest kind that the instruction set moves at once; 16 bytes at least, so that no
// lane's vector tears.
#if defined(__AVX512F__)
typedef uint32_t Words __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint64_t Longs __attribute__((vector_size(64), aligned(8), may_alias));
#define RACKPROOF_LOW(x, y) \
  __builtin_shufflevector(x, y, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
#define RACKPROOF_HIGH(x, y) \
  __builtin_shufflevector(x, y, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)
#else
typedef uint32_t Words __attribute__((vector_size(16), aligned(4), may_alias));
typedef uint64_t Longs __attribute__((vector_size(16), aligned(8), may_alias));
#endif

// x86 keeps the order of loads and of stores. Stores go up and loads go down, so that a reader who
// finds the last bytes of a row new (a flag) has all of it new, as a GPU's 128-byte lines look.
// A template's argument loses the alignment that its typedef states: rows lie anywhere.
template <class V>
struct __attribute__((packed, may_alias)) Unaligned {
  V value;
};
template <class V>
inline V load_vector(const void* from, uint32_t index) {
  return static_cast<const volatile Unaligned<V>*>(from)[index].value;
}
template <class V>
inline void store_vector(void* to, uint32_t index, V value) {
  static_cast<volatile Unaligned<V>*>(to)[index].value = value;
}

inline void load_block(void* to, const void* from, uint32_t bytes) {
  for (uint32_t i = static_cast<uint32_t>(bytes / sizeof(Words)); i-- > 0;) {
    static_cast<Words*>(to)[i] = load_vector<Words>(from, i);
  }
}
inline void store_block(void* to, const void* from, uint32_t bytes) {
  for (uint32_t i = 0; i < bytes / sizeof(Words); ++i) {
    store_vector<Words>(to, i, static_cast<const Words*>(from)[i]);
  }
}

// One vector's worth of lanes, the `part`th: elements of a lane side by side, to and from rows.
inline void load_pairs(const void* from, uint32_t part, Words (&rows)[2]) {
  const Words high = load_vector<Words>(from, 2 * part + 1);
  const Words low = load_vector<Words>(from, 2 * part);
#if defined(__AVX512F__)
  rows[0] =
      __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  rows[1] =
      __builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
#else
  rows[0] = __builtin_shufflevector(low, high, 0, 2, 4, 6);
  rows[1] = __builtin_shufflevector(low, high, 1, 3, 5, 7);
#endif
}
inline void store_pairs(void* to, uint32_t part, const Words (&rows)[2]) {
#if defined(__AVX512F__)
  store_vector<Words>(to, 2 * part,
                      __builtin_shufflevector(rows[0], rows[1], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20,
                                              5, 21, 6, 22, 7, 23));
  store_vector<Words>(to, 2 * part + 1,
                      __builtin_shufflevector(rows[0], rows[1], 8, 24, 9, 25, 10, 26, 11, 27, 12,
                                              28, 13, 29, 14, 30, 15, 31));
#else
  store_vector<Words>(to, 2 * part, __builtin_shufflevector(rows[0], rows[1], 0, 4, 1, 5));
  store_vector<Words>(to, 2 * part + 1, __builtin_shufflevector(rows[0], rows[1], 2, 6, 3, 7));
#endif
}
inline void load_quads(const void* from, uint32_t part, Words (&rows)[4]) {
  Words lanes[4];
  for (uint32_t i = 4; i-- > 0;) {
    lanes[i] = load_vector<Words>(from, 4 * part + i);
  }
#if defined(__AVX512F__)
  const auto first_two = [](const Words& x, const Words& y) {
    return __builtin_shufflevector(x, y, 0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
  };
  const auto last_two = [](const Words& x, const Words& y) {
    return __builtin_shufflevector(x, y, 2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27,
                                   31);
  };
  const Words first_low = first_two(lanes[0], lanes[1]);
  const Words first_high = first_two(lanes[2], lanes[3]);
  const Words last_low = last_two(lanes[0], lanes[1]);
  const Words last_high = last_two(lanes[2], lanes[3]);
  rows[0] = RACKPROOF_LOW(first_low, first_high);
  rows[1] = RACKPROOF_HIGH(first_low, first_high);
  rows[2] = RACKPROOF_LOW(last_low, last_high);
  rows[3] = RACKPROOF_HIGH(last_low, last_high);
#else
  const Words first_low = __builtin_shufflevector(lanes[0], lanes[1], 0, 4, 1, 5);
  const Words first_high = __builtin_shufflevector(lanes[2], lanes[3], 0, 4, 1, 5);
  const Words last_low = __builtin_shufflevector(lanes[0], lanes[1], 2, 6, 3, 7);
  const Words last_high = __builtin_shufflevector(lanes[2], lanes[3], 2, 6, 3, 7);
  rows[0] = __builtin_shufflevector(first_low, first_high, 0, 1, 4, 5);
  rows[1] = __builtin_shufflevector(first_low, first_high, 2, 3, 6, 7);
  rows[2] = __builtin_shufflevector(last_low, last_high, 0, 1, 4, 5);
  rows[3] = __builtin_shufflevector(last_low, last_high, 2, 3, 6, 7);
#endif
}
inline void store_quads(void* to, uint32_t part, const Words (&rows)[4]) {
#if defined(__AVX512F__)
  const auto lower = [](const Words& x, const Words& y) {
    return __builtin_shufflevector(x, y, 0, 8, 16, 24, 1, 9, 17, 25, 2, 10, 18, 26, 3, 11, 19, 27);
  };
  const auto upper = [](const Words& x, const Words& y) {
    return __builtin_shufflevector(x, y, 4, 12, 20, 28, 5, 13, 21, 29, 6, 14, 22, 30, 7, 15, 23,
                                   31);
  };
  const Words first_low = RACKPROOF_LOW(rows[0], rows[1]);
  const Words first_high = RACKPROOF_HIGH(rows[0], rows[1]);
  const Words last_low = RACKPROOF_LOW(rows[2], rows[3]);
  const Words last_high = RACKPROOF_HIGH(rows[2], rows[3]);
  store_vector<Words>(to, 4 * part, lower(first_low, last_low));
  store_vector<Words>(to, 4 * part + 1, upper(first_low, last_low));
  store_vector<Words>(to, 4 * part + 2, lower(first_high, last_high));
  store_vector<Words>(to, 4 * part + 3, upper(first_high, last_high));
#else
  const Words first_low = __builtin_shufflevector(rows[0], rows[1], 0, 4, 1, 5);
  const Words first_high = __builtin_shufflevector(rows[0], rows[1], 2, 6, 3, 7);
  const Words last_low = __builtin_shufflevector(rows[2], rows[3], 0, 4, 1, 5);
  const Words last_high = __builtin_shufflevector(rows[2], rows[3], 2, 6, 3, 7);
  store_vector<Words>(to, 4 * part, __builtin_shufflevector(first_low, last_low, 0, 1, 4, 5));
  store_vector<Words>(to, 4 * part + 1, __builtin_shufflevector(first_low, last_low, 2, 3, 6, 7));
  store_vector<Words>(to, 4 * part + 2, __builtin_shufflevector(first_high, last_high, 0, 1, 4, 5));
  store_vector<Words>(to, 4 * part + 3, __builtin_shufflevector(first_high, last_high, 2, 3, 6, 7));
#endif
}
inline void load_long_pairs(const void* from, uint32_t part, Longs (&rows)[2]) {
  const Longs high = load_vector<Longs>(from, 2 * part + 1);
  const Longs low = load_vector<Longs>(from, 2 * part);
#if defined(__AVX512F__)
  rows[0] = __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14);
  rows[1] = __builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15);
#else
  rows[0] = __builtin_shufflevector(low, high, 0, 2);
  rows[1] = __builtin_shufflevector(low, high, 1, 3);
#endif
}
inline void store_long_pairs(void* to, uint32_t part, const Longs (&rows)[2]) {
#if defined(__AVX512F__)
  store_vector<Longs>(to, 2 * part,
                      __builtin_shufflevector(rows[0], rows[1], 0, 8, 1, 9, 2, 10, 3, 11));
  store_vector<Longs>(to, 2 * part + 1,
                      __builtin_shufflevector(rows[0], rows[1], 4, 12, 5, 13, 6, 14, 7, 15));
#else
  store_vector<Longs>(to, 2 * part, __builtin_shufflevector(rows[0], rows[1], 0, 2));
  store_vector<Longs>(to, 2 * part + 1, __builtin_shufflevector(rows[0], rows[1], 1, 3));
#endif
}

// The rows of all lanes, kCount elements a lane, `transpose` at a time.
template <class V, uint32_t kCount>
inline void memory_to_rows(const void* from, void* const* rows,
                           void (*transpose)(const void*, uint32_t, V (&)[kCount])) {
  constexpr uint32_t kParts = kWarpSize * sizeof(V{}[0]) / sizeof(V);
  for (uint32_t part = kParts; part-- > 0;) {
    V values[kCount];
    transpose(from, part, values);
    for (uint32_t i = 0; i < kCount; ++i) {
      static_cast<V*>(rows[i])[part] = values[i];
    }
  }
}
template <class V, uint32_t kCount>
inline void rows_to_memory(void* to, const void* const* rows,
                           void (*transpose)(void*, uint32_t, const V (&)[kCount])) {
  constexpr uint32_t kParts = kWarpSize * sizeof(V{}[0]) / sizeof(V);
  for (uint32_t part = 0; part < kParts; ++part) {
    V values[kCount];
    for (uint32_t i = 0; i < kCount; ++i) {
      values[i] = static_cast<const V*>(rows[i])[part];
    }
    transpose(to, part, values);
  }
}

}  // namespace

void load_rows(const void* from, void* const* rows, uint32_t element_bytes, uint32_t count) {
  if (count == 1) {
    load_block(rows[0], from, kWarpSize * element_bytes);
  } else if (element_bytes == 8) {
    memory_to_rows<Longs, 2>(from, rows, load_long_pairs);
  } else if (count == 2) {
    memory_to_rows<Words, 2>(from, rows, load_pairs);
  } else {
    memory_to_rows<Words, 4>(from, rows, load_quads);
  }
}
void store_rows(void* to, const void* const* rows, uint32_t element_bytes, uint32_t count) {
  if (count == 1) {
    store_block(to, rows[0], kWarpSize * element_bytes);
  } else if (element_bytes == 8) {
    rows_to_memory<Longs, 2>(to, rows, store_long_pairs);
  } else if (count == 2) {
    rows_to_memory<Words, 2>(to, rows, store_pairs);
  } else {
    rows_to_memory<Words, 4>(to, rows, store_quads);
  }
}

namespace {

// 16 bytes at a time, in the order of load_vector and store_vector.
typedef uint32_t Quarter __attribute__((vector_size(16), aligned(4), may_alias));
constexpr uint32_t kQuarterBytes = 16;

template <class T>
inline void widen_elements(const void* from, uint32_t* row) {
  alignas(64) T elements[kWarpSize];
  for (uint32_t i = sizeof elements / kQuarterBytes; i-- > 0;) {
    const Quarter part = load_vector<Quarter>(from, i);
    __builtin_memcpy(&elements[i * kQuarterBytes / sizeof(T)], &part, sizeof part);
  }
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    row[lane] = elements[lane];
  }
}
template <class T>
inline void narrow_elements(void* to, const uint32_t* row) {
  alignas(64) T elements[kWarpSize];
  for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
    elements[lane] = static_cast<T>(row[lane]);
  }
  for (uint32_t i = 0; i < sizeof elements / kQuarterBytes; ++i) {
    Quarter part;
    __builtin_memcpy(&part, &elements[i * kQuarterBytes / sizeof(T)], sizeof part);
    store_vector<Quarter>(to, i, part);
  }
}

}  // namespace

void load_narrow(const void* from, uint32_t* row, uint32_t element_bytes) {
  element_bytes == 1 ? widen_elements<uint8_t>(from, row) : widen_elements<uint16_t>(from, row);
}
void store_narrow(void* to, const uint32_t* row, uint32_t element_bytes) {
  element_bytes == 1 ? narrow_elements<uint8_t>(to, row) : narrow_elements<uint16_t>(to, row);
}

namespace {

template <class T>
inline void broadcast_elements(const void* from, void* const* rows, uint32_t count) {
  const auto* const elements = static_cast<const T*>(from);
  for (uint32_t i = 0; i < count; ++i) {
    const T value = elements[i];
    auto* const row = static_cast<T*>(rows[i]);
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      row[lane] = value;
    }
  }
}

}  // namespace

void broadcast(const void* from, void* const* rows, uint32_t element_bytes, uint32_t count) {
  if (element_bytes == 8) {
    broadcast_elements<uint64_t>(from, rows, count);
  } else {
    broadcast_elements<uint32_t>(from, rows, count);
  }
}

void words_to_rows(const uint32_t* block, uint32_t* const* rows, uint32_t count, uint32_t mask) {
  alignas(64) uint32_t values[4][kWarpSize];
  void* whole[4];
  for (uint32_t i = 0; i < count; ++i) {
    const bool direct = mask == kFullMask && rows[i] != nullptr;
    whole[i] = direct ? rows[i] : values[i];
  }
  load_rows(block, whole, 4, count);
  for (uint32_t i = 0; i < count; ++i) {
    if (rows[i] != nullptr && whole[i] != rows[i]) {
      commit(rows[i], values[i], mask);
    }
  }
}
void rows_to_words(uint32_t* block, const uint32_t* const* rows, uint32_t count) {
  const void* whole[4] = {};
  for (uint32_t i = 0; i < count; ++i) {
    whole[i] = rows[i];
  }
  store_rows(block, whole, 4, count);
}

}  // namespace rackproof::emulator::exec::RACKPROOF_LANES
