#pragma once
/// Dimensions of named language models, for the operations that size problems after them.

#include <cstdint>
#include <string_view>
#include <vector>

namespace rackproof::kernels {

/// A transformer decoder with grouped-query attention.
struct ModelDimensions {
  std::string_view name;
  std::int64_t hidden = 0;
  std::int64_t feed_forward = 0;  ///< of the dense layer; 0: the model has experts instead
  std::int64_t query_heads = 0;
  std::int64_t key_value_heads = 0;
  std::int64_t head_dimension = 0;
};

/// Throws ParamError naming "model" and listing the known ones.
[[nodiscard]] const ModelDimensions& model_dimensions(std::string_view name);
[[nodiscard]] std::vector<std::string_view> model_names();

}  // namespace rackproof::kernels
