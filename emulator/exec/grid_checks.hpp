#pragma once
/// A grid as the race detector knows it.

#include "emulator/check/detector.hpp"
#include "emulator/exec/grid_context.hpp"
#include "emulator/ptx/module.hpp"

#include <memory>

namespace rackproof::emulator::exec {

class GridChecks {
 public:
  /// Tells the detector of the launch, or one of this grid's own, of the grid; both are in `grid`
  /// from now on. Messages of later grids may name this one, when its module is gone from the
  /// program.
  void begin(GridContext& grid, std::shared_ptr<const ptx::Module> module,
             std::shared_ptr<const DecodedKernel> kernel);
  /// No CTA is left.
  static void end(GridContext& grid);

 private:
  std::unique_ptr<check::Detector> own_detector_;
};

}  // namespace rackproof::emulator::exec
