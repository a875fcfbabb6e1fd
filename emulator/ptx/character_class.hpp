#pragma once
/// Kinds of characters in PTX text (PTX ISA 9.0, section 4.4).

#include <array>
#include <cstdint>

namespace rackproof::emulator::ptx {

enum CharacterClass : std::uint8_t { kOther = 0, kSpace = 1, kName = 2, kDigit = 4, kHex = 8 };

constexpr std::array<std::uint8_t, 256> character_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (const char c : {' ', '\t', '\r', '\n', '\f', '\v'}) {
    classes[static_cast<unsigned char>(c)] = kSpace;
  }
  for (unsigned char c = '0'; c <= '9'; ++c) {
    classes[c] = kName | kDigit | kHex;
  }
  for (unsigned char c = 'a'; c <= 'z'; ++c) {
    classes[c] = kName;
    classes[c - 'a' + 'A'] = kName;
  }
  for (unsigned char c = 'a'; c <= 'f'; ++c) {
    classes[c] = kName | kHex;
    classes[c - 'a' + 'A'] = kName | kHex;
  }
  classes[static_cast<unsigned char>('_')] = kName;
  classes[static_cast<unsigned char>('$')] = kName;
  return classes;
}
inline constexpr std::array<std::uint8_t, 256> kClasses = character_classes();

inline bool has_class(char c, std::uint8_t which) {
  return (kClasses[static_cast<unsigned char>(c)] & which) != 0;
}

}  // namespace rackproof::emulator::ptx
