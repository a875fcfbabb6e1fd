#include "collectives/bandwidth_model.hpp"

#include <stdexcept>
#include <string>

namespace rackproof::collectives {
namespace {

std::optional<double> scaled(double value, std::optional<double> factor) {
  return factor ? std::optional(value * *factor) : std::nullopt;
}

}  // namespace

Bandwidth bandwidth(const Collective& collective, std::uint64_t bytes, double time_s, int ranks) {
  // Written so that NaN is refused too.
  if (!(time_s > 0) || ranks < 1) {
    throw std::invalid_argument("bandwidth of " + std::string(collective.name) + ": time " +
                                std::to_string(time_s) + " s over " + std::to_string(ranks) +
                                " ranks; needs time > 0 and ranks >= 1");
  }
  Bandwidth result;
  result.algbw_gb_per_s = static_cast<double>(bytes) / time_s * 1e-9;
  result.busbw_gb_per_s = scaled(result.algbw_gb_per_s, collective.bus_factor(ranks));
  result.wire_gb_per_s = scaled(result.algbw_gb_per_s, collective.switch_wire_factor(ranks));
  return result;
}

std::optional<double> all_reduce_bus_factor(int ranks) {
  if (ranks < 2) {
    return std::nullopt;
  }
  return 2.0 * (ranks - 1) / ranks;
}

std::optional<double> all_reduce_switch_wire_factor(int ranks) {
  if (ranks < 2) {
    return std::nullopt;
  }
  return (ranks + 1.0) / ranks;
}

}  // namespace rackproof::collectives
