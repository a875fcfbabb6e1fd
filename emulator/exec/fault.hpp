#pragma once
/// How handlers stop a grid.

#include "emulator/exec/grid.hpp"

#include <cstdint>
#include <exception>
#include <string>
#include <utility>

namespace rackproof::emulator::exec {

/// Thrown by handlers, caught by GridExecution::step, which adds kernel, line, CTA and thread.
class FaultRaised : public std::exception {
 public:
  FaultRaised(Fault::Kind kind, std::uint32_t lane, std::string what)
      : kind_(kind), lane_(lane), what_(std::move(what)) {}
  [[nodiscard]] Fault::Kind kind() const { return kind_; }
  [[nodiscard]] std::uint32_t lane() const { return lane_; }
  [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }

 private:
  Fault::Kind kind_;
  std::uint32_t lane_;
  std::string what_;
};

/// "PTX line 12 (gemm.cu:34)"
[[nodiscard]] std::string describe_location(const ptx::Module& module,
                                            const ptx::SourceLocation& where);

}  // namespace rackproof::emulator::exec
