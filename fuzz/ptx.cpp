// The PTX parser: any text is either a module or a ParseError that names a line of it.
#include "emulator/ptx/parser.hpp"
#include "fuzz/require.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace ptx = rackproof::emulator::ptx;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto lines = static_cast<std::uint32_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  try {
    static_cast<void>(ptx::parse(text, "fuzz"));
  } catch (const ptx::ParseError& error) {
    rackproof::fuzz::require(error.line() >= 1 && error.line() <= lines,
                             "a parse error names a line of the text");
  }
  return 0;
}
