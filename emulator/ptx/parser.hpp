#pragma once
/// Text to syntax tree. Everything the PTX ISA 9.0 does not define is an error with file and line.

#include "emulator/ptx/module.hpp"

#include <stdexcept>
#include <string>
#include <string_view>

namespace rackproof::emulator::ptx {

/// what() is "<name>:<line>:<column>: <problem>".
class ParseError : public std::runtime_error {
 public:
  ParseError(std::string_view name, std::uint32_t line, std::uint32_t column,
             const std::string& problem);
  [[nodiscard]] std::uint32_t line() const noexcept { return line_; }

 private:
  std::uint32_t line_;
};

/// Parses and validates `text`; `name` stands for the file in messages.
[[nodiscard]] Module parse(std::string_view text, std::string_view name);

}  // namespace rackproof::emulator::ptx
