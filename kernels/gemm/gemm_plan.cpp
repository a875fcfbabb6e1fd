#include "kernels/gemm/gemm_plan.hpp"

#include "kernels/gemm/model_layers.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace rackproof::kernels::gemm {
namespace {

struct Request {
  std::vector<ElementType> types;
  GemmScalars scalars;
};

std::string percent(double share) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g %%", share * 100);
  return text.data();
}

std::string gibibytes(double bytes) {
  constexpr double kGibibyte = 1024.0 * 1024.0 * 1024.0;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g GiB", bytes / kGibibyte);
  return text.data();
}

PlannedProblem planned(ElementType type, GemmShape shape, const Request& request,
                       std::string reason) {
  return {std::make_shared<GemmProblem>(type, shape, request.scalars), std::move(reason)};
}

std::vector<PlannedProblem> plan_square_waves(ParamReader& params, const SizingContext& context,
                                              const Request& request,
                                              WaveTile (*tile_of)(ElementType,
                                                                  const SizingContext&)) {
  const std::vector<std::int64_t> waves = params.integers_or("waves", {1});
  const std::vector<std::int64_t> depths = params.integers_or("k", {0});
  std::vector<PlannedProblem> problems;
  for (const ElementType type : request.types) {
    const WaveTile tile = tile_of(type, context);
    for (const std::int64_t count : waves) {
      if (count < 1) {
        throw ParamError("waves", "must be at least 1, found " + std::to_string(count));
      }
      const std::int64_t tiles = count * (context.multiprocessors / tile.sms) * tile.blocks_per_sm;
      std::string reason = std::to_string(count) + (count == 1 ? " full wave: " : " full waves: ") +
                           std::to_string(tiles) + " tiles of " + std::to_string(tile.m) + "x" +
                           std::to_string(tile.n) + " on " +
                           std::to_string(context.multiprocessors) + " SMs";
      if (tile.blocks_per_sm > 1) {
        reason += ", " + std::to_string(tile.blocks_per_sm) + " at a time on each";
      }
      if (tile.sms > 1) {
        reason += ", each on " + std::to_string(tile.sms);
      }
      for (const std::int64_t depth : depths) {
        GemmShape shape = full_waves(tile, context.multiprocessors, count);
        shape.k = params.has("k") ? depth : std::max(shape.m, shape.n);
        problems.push_back(planned(type, shape, request, reason));
      }
    }
  }
  return problems;
}

std::vector<PlannedProblem> plan_explicit(ParamReader& params, const Request& request) {
  const GemmShape shape{
      .m = params.integer("m"), .n = params.integer("n"), .k = params.integer("k")};
  std::vector<PlannedProblem> problems;
  for (const ElementType type : request.types) {
    problems.push_back(planned(type, shape, request, "as the suite says"));
  }
  return problems;
}

std::int64_t read_shards(ParamReader& params, const SizingContext& context) {
  if (!params.has("shards")) {
    return context.gpus;
  }
  if (!params.is_text("shards")) {
    return params.integer("shards");
  }
  const std::string text = params.text("shards");
  if (text != "job") {
    throw ParamError("shards", "must be \"job\" or a number of GPUs, found '" + text + "'");
  }
  return context.gpus;
}

std::vector<PlannedProblem> plan_model_layer(ParamReader& params, const SizingContext& context,
                                             const Request& request) {
  const std::string model = params.text("model");
  const std::int64_t shards = read_shards(params, context);
  const std::vector<std::string> layers =
      params.texts_or("layer", {"qkv", "attn_out", "ffn_up", "ffn_down"});
  const std::vector<std::int64_t> tokens = params.integers_or("tokens", {4096});
  std::vector<PlannedProblem> problems;
  for (const ElementType type : request.types) {
    for (const std::string& layer : layers) {
      for (const std::int64_t count : tokens) {
        LayerShape sized = model_layer(model, layer, count, shards);
        problems.push_back(planned(type, sized.shape, request, std::move(sized.reason)));
      }
    }
  }
  return problems;
}

std::vector<PlannedProblem> plan_memory_share(ParamReader& params, const SizingContext& context,
                                              const Request& request) {
  const double share = params.number_or("share", 0.25);
  if (!(share > 0 && share <= 0.9)) {
    throw ParamError("share", "must be above 0 and at most 0.9 of the free device memory");
  }
  constexpr std::int64_t kMultiple = 256;  // whole tiles of every kernel
  const auto memory_bytes = static_cast<double>(context.memory_bytes);
  std::vector<PlannedProblem> problems;
  for (const ElementType type : request.types) {
    const bool with_c = request.scalars.beta != 0.0F;
    const std::int64_t side = largest_square(type, with_c, share * memory_bytes, kMultiple);
    if (side == 0) {
      throw ParamError("share", percent(share) + " of " + gibibytes(memory_bytes) +
                                    " does not hold a problem of " + std::to_string(kMultiple) +
                                    " squared");
    }
    problems.push_back(planned(type, {.m = side, .n = side, .k = side}, request,
                               "largest square whose matrices fill " + percent(share) + " of " +
                                   gibibytes(memory_bytes) + " of free device memory"));
  }
  return problems;
}

}  // namespace

GemmShape full_waves(const WaveTile& tile, int multiprocessors, std::int64_t waves) {
  const std::int64_t tiles = waves * (multiprocessors / tile.sms) * tile.blocks_per_sm;
  GemmShape best{};
  double best_skew = 0;
  for (std::int64_t rows = 1; rows <= tiles; ++rows) {
    if (tiles % rows != 0) {
      continue;
    }
    const GemmShape shape{.m = rows * tile.m, .n = tiles / rows * tile.n, .k = 0};
    const double skew =
        std::fabs(std::log(static_cast<double>(shape.m) / static_cast<double>(shape.n)));
    if (best.m == 0 || skew < best_skew) {
      best = shape;
      best_skew = skew;
    }
  }
  return best;
}

std::int64_t largest_square(ElementType type, bool with_c, double bytes, std::int64_t multiple) {
  const double result_matrices = with_c ? 2 : 1;
  const double side = std::sqrt(
      bytes / (2.0 * operand_bytes(type) + result_matrices * element_bytes(result_type_of(type))));
  return static_cast<std::int64_t>(side) / multiple * multiple;
}

std::vector<PlannedProblem> plan_gemm(ParamReader& params, const SizingContext& context,
                                      WaveTile (*tile_of)(ElementType, const SizingContext&)) {
  Request request;
  for (const std::string& type : params.texts_or("type", {"bf16"})) {
    request.types.push_back(element_type_from("type", type));
    static_cast<void>(result_type_of(request.types.back()));  // "type" that no GEMM multiplies
  }
  request.scalars.alpha = static_cast<float>(params.number_or("alpha", 1.0));
  request.scalars.beta = static_cast<float>(params.number_or("beta", 0.0));

  const std::string shape = params.text("shape");
  if (shape == "square_waves") {
    return plan_square_waves(params, context, request, tile_of);
  }
  if (shape == "explicit") {
    return plan_explicit(params, request);
  }
  if (shape == "model_layer") {
    return plan_model_layer(params, context, request);
  }
  if (shape == "memory_share") {
    return plan_memory_share(params, context, request);
  }
  throw ParamError("shape", "unknown shape '" + shape +
                                "'; known: square_waves, explicit, model_layer, memory_share");
}

}  // namespace rackproof::kernels::gemm
