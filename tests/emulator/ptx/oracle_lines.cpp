#include "tests/emulator/ptx/oracle_lines.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <fstream>

namespace rackproof::emulator::ptx::oracle {
namespace {

bool is_letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0;
}
bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

std::string expand(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '$' || i + 1 >= text.size() || !is_letter(text[i + 1])) {
      result += text[i++];
      continue;
    }
    std::string kind;
    std::size_t count = 0;
    for (++i; i < text.size() && is_letter(text[i]); ++i) {
      kind += text[i];
    }
    for (; i < text.size() && is_digit(text[i]); ++i) {
      count = count * 10 + static_cast<std::size_t>(text[i] - '0');
    }
    result += '{';
    for (std::size_t n = 0; n < count; ++n) {
      result += n == 0 ? "%" : ",%";
      result += kind;
      result += std::to_string(n);
    }
    result += '}';
  }
  return result;
}

}  // namespace

std::vector<Line> read_lines(const std::string& name) {
  std::ifstream file(std::filesystem::path(RACKPROOF_SOURCE_DIR) / "tests/emulator/ptx/oracle" /
                     name);
  EXPECT_TRUE(file.good()) << name;
  std::vector<Line> lines;
  std::string target;
  for (std::string text; std::getline(file, text);) {
    if (text.empty() || text[0] == '#') {
      continue;
    }
    if (text[0] == '[') {
      target = text.substr(1, text.size() - 2);
    } else {
      lines.push_back({target, expand(text)});
    }
  }
  return lines;
}

std::string make_module(std::string_view target, const std::vector<Line>& lines) {
  std::string module = ".version 9.0\n.target ";
  module += target;
  module += "\n.address_size 64\n";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    module += ".entry k" + std::to_string(i) +
              "(){ .reg .b8 %b<16>; .reg .b16 %rs<32>; .reg .b16 %h<32>; .reg .b32 %r<400>; "
              ".reg .b64 %rd<64>; .reg .b128 %q<16>; .reg .f32 %f<300>; .reg .f64 %d<64>; "
              ".reg .pred %p<16>; ";
    module += lines[i].text;
    module += " ret; }\n";
  }
  return module;
}

}  // namespace rackproof::emulator::ptx::oracle
