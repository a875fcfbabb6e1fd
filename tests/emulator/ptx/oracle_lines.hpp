#pragma once
/// Lists of single instructions (oracle/*.txt), and modules made of them.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace rackproof::emulator::ptx::oracle {

struct Line {
  std::string target;
  std::string text;  ///< with $r4 expanded to {%r0,%r1,%r2,%r3}
};

/// Lines of `name` in the folder oracle/; "[sm_80]" begins a group, "#" a comment.
[[nodiscard]] std::vector<Line> read_lines(const std::string& name);

/// A module for `target` with one kernel per line, each on one text line from kFirstLine on.
inline constexpr std::size_t kFirstLine = 4;
[[nodiscard]] std::string make_module(std::string_view target, const std::vector<Line>& lines);

}  // namespace rackproof::emulator::ptx::oracle
