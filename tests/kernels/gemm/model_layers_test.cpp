#include "kernels/gemm/model_layers.hpp"

#include <gtest/gtest.h>

namespace rackproof::kernels::gemm {
namespace {

void expect_shape(const LayerShape& layer, std::int64_t m, std::int64_t n, std::int64_t k) {
  EXPECT_EQ(layer.shape.m, m) << layer.reason;
  EXPECT_EQ(layer.shape.n, n) << layer.reason;
  EXPECT_EQ(layer.shape.k, k) << layer.reason;
}

/// All weights of a Llama 3.1 layer on one GPU add up to the published parameter counts.
TEST(ModelLayers, WholeLayersMatchPublishedParameterCounts) {
  struct Published {
    std::string_view model;
    std::int64_t layers;
    double parameters;  // without embeddings and output head (2 x 128256 x hidden)
  };
  for (const Published& published :
       {Published{"llama-3.1-8b", 32, 8.03e9 - 2 * 128256.0 * 4096},
        Published{"llama-3.1-70b", 80, 70.6e9 - 2 * 128256.0 * 8192},
        Published{"llama-3.1-405b", 126, 405.9e9 - 2 * 128256.0 * 16384}}) {
    double parameters = 0;
    for (const std::string_view layer : {"qkv", "attn_out", "ffn_up", "ffn_down"}) {
      const GemmShape shape = model_layer(published.model, layer, 1, 1).shape;
      parameters += static_cast<double>(shape.n * shape.k * published.layers);
    }
    EXPECT_NEAR(parameters / published.parameters, 1, 0.005) << published.model;
  }
}

TEST(ModelLayers, ShardsByColumnsOrByK) {
  expect_shape(model_layer("llama-3.1-405b", "qkv", 4096, 8), 4096, (16 + 2 * 1) * 128, 16384);
  expect_shape(model_layer("llama-3.1-405b", "attn_out", 64, 4), 64, 16384, 4096);
  expect_shape(model_layer("llama-3.1-70b", "ffn_up", 1, 4), 1, 2 * 7168, 8192);
  expect_shape(model_layer("llama-3.1-70b", "ffn_down", 1, 64), 1, 8192, 448);
}

TEST(ModelLayers, SaysWhatItRoundsAndWhy) {
  const LayerShape down = model_layer("llama-3.1-405b", "ffn_down", 4096, 72);
  expect_shape(down, 4096, 16384, 744);
  EXPECT_EQ(down.reason,
            "ffn_down of llama-3.1-405b for 4096 tokens, 1 of 72 shards; 53248 feed-forward "
            "features do not divide by 72, rounded up to 744 each (a multiple of 8, 16-byte rows)");
  const LayerShape qkv = model_layer("llama-3.1-405b", "qkv", 1, 72);
  expect_shape(qkv, 1, (2 + 2 * 1) * 128, 16384);
  EXPECT_NE(qkv.reason.find("128 query heads do not divide by 72, rounded up to 2 each"),
            std::string::npos)
      << qkv.reason;
}

TEST(ModelLayers, HasNoDenseLayerWhereThereAreExperts) {
  expect_shape(model_layer("gpt-oss-120b", "qkv", 16, 1), 16, (64 + 2 * 8) * 64, 2880);
  expect_shape(model_layer("gpt-oss-120b", "attn_out", 16, 1), 16, 2880, 64 * 64);
  try {
    (void)model_layer("gpt-oss-120b", "ffn_up", 16, 1);
    FAIL() << "a layer that does not exist was planned";
  } catch (const ParamError& error) {
    EXPECT_EQ(error.key(), "layer");
  }
}

TEST(ModelLayers, ListsWhatItKnowsForAnUnknownName) {
  try {
    (void)model_layer("llama-9", "qkv", 1, 1);
    FAIL() << "an unknown model was accepted";
  } catch (const ParamError& error) {
    EXPECT_EQ(error.key(), "model");
    EXPECT_NE(std::string(error.what()).find("llama-3.1-405b"), std::string::npos) << error.what();
  }
  EXPECT_THROW((void)model_layer("llama-3.1-8b", "mlp", 1, 1), ParamError);
  EXPECT_THROW((void)model_layer("llama-3.1-8b", "qkv", 0, 1), ParamError);
  EXPECT_THROW((void)model_layer("llama-3.1-8b", "qkv", 1, 0), ParamError);
}

}  // namespace
}  // namespace rackproof::kernels::gemm
