#pragma once
/// The decode problems that a suite asks for; README.md lists the keys.

#include "kernels/attention/decode/decode.hpp"

#include <vector>

namespace rackproof::kernels::attention::decode {

[[nodiscard]] std::vector<PlannedProblem> plan_decode(ParamReader& request,
                                                      const SizingContext& context);

}  // namespace rackproof::kernels::attention::decode
