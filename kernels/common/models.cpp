#include "kernels/common/models.hpp"

#include "kernels/params.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace rackproof::kernels {
namespace {

/// Llama 3.1: "The Llama 3 Herd of Models", arXiv 2407.21783, table 3 (head dimension: hidden /
/// query heads). gpt-oss: "gpt-oss-120b & gpt-oss-20b Model Card", arXiv 2508.10925, section 2
/// (residual stream 2880; 64 query heads of dimension 64, 8 key-value heads; experts).
constexpr std::array kModels{
    ModelDimensions{.name = "llama-3.1-8b",
                    .hidden = 4096,
                    .feed_forward = 14336,
                    .query_heads = 32,
                    .key_value_heads = 8,
                    .head_dimension = 128},
    ModelDimensions{.name = "llama-3.1-70b",
                    .hidden = 8192,
                    .feed_forward = 28672,
                    .query_heads = 64,
                    .key_value_heads = 8,
                    .head_dimension = 128},
    ModelDimensions{.name = "llama-3.1-405b",
                    .hidden = 16384,
                    .feed_forward = 53248,
                    .query_heads = 128,
                    .key_value_heads = 8,
                    .head_dimension = 128},
    ModelDimensions{.name = "gpt-oss-120b",
                    .hidden = 2880,
                    .feed_forward = 0,
                    .query_heads = 64,
                    .key_value_heads = 8,
                    .head_dimension = 64},
};

}  // namespace

const ModelDimensions& model_dimensions(std::string_view name) {
  std::string known;
  for (const ModelDimensions& model : kModels) {
    if (model.name == name) {
      return model;
    }
    known += (known.empty() ? "" : ", ") + std::string(model.name);
  }
  throw ParamError("model", "unknown model '" + std::string(name) + "'; known: " + known);
}

std::vector<std::string_view> model_names() {
  std::vector<std::string_view> names(kModels.size());
  std::transform(kModels.begin(), kModels.end(), names.begin(),
                 [](const ModelDimensions& model) { return model.name; });
  return names;
}

}  // namespace rackproof::kernels
