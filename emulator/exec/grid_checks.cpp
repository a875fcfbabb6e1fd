#include "emulator/exec/grid_checks.hpp"

#include "emulator/exec/places.hpp"

#include <mutex>
#include <string>
#include <utility>

namespace rackproof::emulator::exec {

void GridChecks::begin(GridContext& grid, std::shared_ptr<const ptx::Module> module,
                       std::shared_ptr<const DecodedKernel> kernel) {
  if (grid.config.detector == nullptr) {
    own_detector_ = std::make_unique<check::Detector>();
  }
  grid.detector = own_detector_ ? own_detector_.get() : grid.config.detector;
  const std::scoped_lock lock(grid.detector->mutex());
  grid.checked =
      &grid.detector->begin_grid(grid.config.grid.count(), grid.config.device, grid.config.order);
  grid.checked->describe = [module = std::move(module), kernel = std::move(kernel),
                            ctas = grid.config.grid, block = grid.config.block,
                            first = grid.checked->first](const check::Access& access,
                                                         std::uint32_t unit) {
    const std::uint64_t cta = access.cta - first;
    const std::uint32_t thread = access.warp() * kWarpSize + access.lane_of(unit);
    return "thread " +
           position({thread % block.x, thread / block.x % block.y, thread / block.x / block.y}) +
           " of CTA " +
           position({static_cast<std::uint32_t>(cta % ctas.x),
                     static_cast<std::uint32_t>(cta / ctas.x % ctas.y),
                     static_cast<std::uint32_t>(cta / ctas.x / ctas.y)}) +
           " of kernel '" + readable_name(kernel->name) + "' at " +
           describe_location(*module, kernel->source.at(access.pc())->where);
  };
}

void GridChecks::end(GridContext& grid) {
  if (grid.checked != nullptr) {
    const std::scoped_lock lock(grid.detector->mutex());
    grid.detector->end_grid(*grid.checked);
    grid.checked = nullptr;
  }
}

}  // namespace rackproof::emulator::exec
