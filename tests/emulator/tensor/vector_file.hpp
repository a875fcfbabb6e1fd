#pragma once
/// Dot-product vectors: see vectors/README.md.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace rackproof::emulator::tensor {

struct Case {
  std::string line;
  std::vector<std::uint32_t> a;
  std::vector<std::uint32_t> b;
  std::vector<std::uint8_t> scales_a;  ///< empty where the kind has none
  std::vector<std::uint8_t> scales_b;
  std::uint32_t c = 0;
  std::uint32_t d = 0;
};

inline std::uint32_t hex(const std::string& text) {
  return static_cast<std::uint32_t>(std::stoul(text, nullptr, 16));
}

template <class T>
void read_codes(const std::string& text, std::vector<T>& codes) {
  std::istringstream list(text);
  for (std::string code; text != "-" && std::getline(list, code, ',');) {
    codes.push_back(static_cast<T>(hex(code)));
  }
}

inline std::vector<Case> read_cases(const std::string& name) {
  // RACKPROOF_MMA_VECTORS: a folder with longer files of the same names.
  const char* folder = std::getenv("RACKPROOF_MMA_VECTORS");
  const std::string local = std::string(RACKPROOF_SOURCE_DIR) + "/tests/emulator/tensor/vectors";
  std::ifstream file((folder != nullptr ? std::string(folder) : local) + "/" + name + ".tsv");
  EXPECT_TRUE(file.good()) << name;
  std::vector<Case> cases;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::vector<std::string> fields;
    std::istringstream row(line);
    for (std::string field; std::getline(row, field, '\t');) {
      fields.push_back(field);
    }
    Case one;
    one.line = line;
    read_codes(fields.at(1), one.a);
    read_codes(fields.at(2), one.b);
    one.c = hex(fields.at(3));
    read_codes(fields.at(4), one.scales_a);
    read_codes(fields.at(5), one.scales_b);
    one.d = hex(fields.at(6));
    cases.push_back(std::move(one));
  }
  return cases;
}

}  // namespace rackproof::emulator::tensor
