#pragma once
/// Follows values that are worth nothing until they matter: what a warp loaded from shared memory
/// that nobody wrote, and what a shuffle took from a lane that does not take part in it.
///
/// Correct programs do have such values: scans over padded arrays, merges that read past the end of
/// a tile, reductions of fewer lanes than a warp has. What counts is a value that decides a branch,
/// forms an address or reaches global memory. Values are followed through arithmetic, selects,
/// shuffles and shared memory; through matrix instructions, local memory and calls they are not. A
/// trail that nothing has used for a while is given up: what was once loaded may stay in a register
/// that no later instruction reads.

#include "emulator/exec/op.hpp"
#include "emulator/ptx/module.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace rackproof::emulator::exec {

class Taint {
 public:
  /// The results of `instruction` are tainted for `lanes`. `origin`: "shared memory at 0x40, PTX
  /// line 12 (x.cu:3), which reads what nobody wrote"; the first one is named in findings.
  void begin(const ptx::Instruction& instruction, std::uint32_t lanes, std::string origin);
  /// Before `op` of `instruction` executes for `active`, a part of `present` by its guard. Throws
  /// FaultRaised where a tainted value matters. False: nothing is tainted any more.
  [[nodiscard]] bool follow(const LaneContext& values, const Op& op,
                            const ptx::Instruction& instruction, std::uint32_t active,
                            std::uint32_t present);
  /// shfl `instruction` gives each of `lanes` the value of lane from[lane].
  void shuffle(const ptx::Instruction& instruction,
               const std::array<std::uint32_t, kWarpSize>& from, std::uint32_t lanes);
  /// Lanes for which the store that executes writes a tainted value.
  [[nodiscard]] std::uint32_t stored() const { return stored_; }
  /// A finding for the lowest of `lanes`, if there are any. `use`: "a branch is decided by a
  /// value".
  void report(std::uint32_t lanes, const char* use) const;

 private:
  [[nodiscard]] std::uint32_t of(ptx::RegisterIndex index) const;
  [[nodiscard]] std::uint32_t of(const ptx::Operand& operand) const;
  [[nodiscard]] std::uint32_t result(const LaneContext& values, const Op& op,
                                     const ptx::Instruction& instruction) const;
  void set(const ptx::Operand& operand, std::uint32_t lanes, std::uint32_t active);
  void set_result(const ptx::Operand& operand, std::uint32_t lanes, std::uint32_t active);

  std::unordered_map<ptx::RegisterIndex, std::uint32_t> registers_;  ///< lanes; never 0
  std::uint32_t stored_ = 0;
  std::uint32_t unused_for_ = 0;  ///< instructions since one last read a tainted register
  std::string origin_;
};

}  // namespace rackproof::emulator::exec
