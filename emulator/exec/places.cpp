#include "emulator/exec/places.hpp"

#include "emulator/exec/cta.hpp"
#include "emulator/exec/warp.hpp"

#include <cstdio>
#include <cstdlib>
#include <cxxabi.h>
#include <memory>

namespace rackproof::emulator::exec {
namespace {

constexpr std::size_t kLongName = 120;

// Replaces what lies within `depth` or more pairs of brackets by "...".
std::string without_inner(const std::string& name, int depth, const char* open, const char* close) {
  std::string text;
  int inside = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char next = name[i];
    if (std::string_view(close).find(next) != std::string_view::npos && inside > 0) {
      --inside;
    }
    if (inside < depth) {
      text += next;
    }
    if (std::string_view(open).find(next) != std::string_view::npos && ++inside == depth) {
      text += "...";
    }
  }
  return text;
}

}  // namespace

std::string readable_name(const std::string& mangled) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> plain(
      abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status), &std::free);
  const std::string name = status == 0 && plain ? plain.get() : mangled;
  for (const int depth : {3, 2, 1}) {
    if (std::string shorter =
            name.size() <= kLongName ? name : without_inner(name, depth, "<(", ">)");
        shorter.size() <= kLongName) {
      return shorter;
    }
  }
  return without_inner(name, 1, "<(", ">)").substr(0, kLongName - 3) + "...";
}

std::string position(const Dim3& id) {
  return "(" + std::to_string(id.x) + "," + std::to_string(id.y) + "," + std::to_string(id.z) + ")";
}

std::string describe_location(const ptx::Module& module, const ptx::SourceLocation& where) {
  std::string text = "PTX line " + std::to_string(where.ptx_line);
  if (where.cuda_file != 0 && where.cuda_file < module.files.size()) {
    const std::string& path = module.files[where.cuda_file];
    text += " (" + path.substr(path.rfind('/') + 1) + ":" + std::to_string(where.cuda_line) + ")";
  }
  return text;
}

std::string describe_instruction(const GridContext& grid, std::uint32_t pc) {
  const ptx::Instruction& instruction = *grid.kernel->source[pc];
  return describe_location(*grid.module, instruction.where) + " (" + instruction.mnemonic() + ")";
}

std::string thread_position(const GridContext& grid, const Warp& warp, std::uint32_t lane) {
  const Dim3& block = grid.config.block;
  const std::uint32_t linear = warp.index() * kWarpSize + lane;
  return position({linear % block.x, linear / block.x % block.y, linear / block.x / block.y});
}

std::string describe_place(const GridContext& grid, const Cta* cta, const Warp* warp,
                           std::uint32_t lane) {
  std::string place = "kernel '" + readable_name(grid.kernel->name) + "'";
  const bool in_thread = lane < kWarpSize && warp != nullptr;
  if (in_thread) {
    place += ", " + describe_instruction(grid, warp->pc() - 1);
  }
  if (cta != nullptr) {
    place += ", CTA " + position(cta->id());
  }
  if (in_thread) {
    place += ", thread " + thread_position(grid, *warp, lane);
  }
  return place;
}

void note(const GridContext& grid, const Cta& cta, const Warp& warp, std::uint32_t lane,
          const std::string& what) {
  if (grid.detector->is_first_note(grid.kernel->name)) {
    std::fprintf(stderr, "rackproof emulator: note: device %d: %s: %s\n", grid.config.device,
                 describe_place(grid, &cta, &warp, lane).c_str(), what.c_str());
  }
}

}  // namespace rackproof::emulator::exec
