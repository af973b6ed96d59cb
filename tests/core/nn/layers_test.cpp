/// Every layer against the conformance test, at odd sizes.

#include <gtest/gtest.h>

#include "core/nn/block.h"
#include "core/nn/embedding.h"
#include "tests/support/check_layer.h"
#include "tests/support/reference.h"

namespace tokenwerk {
namespace {

SelfAttentionOptions attention_options(Index heads, Index kv_heads, Index width,
                                       std::optional<double> theta, Bias bias) {
  return {.name = "attention",
          .width = width,
          .heads = heads,
          .kv_heads = kv_heads,
          .rope_theta = theta,
          .bias = bias,
          .dtype = DType::f64};
}

MlpOptions mlp_options(MlpKind kind, Index width, Index ffn_width, Bias bias) {
  return {.kind = kind,
          .name = "mlp",
          .width = width,
          .ffn_width = ffn_width,
          .bias = bias,
          .dtype = DType::f64};
}

TEST(Layers, LinearKeepsItsPromises) {
  TestDevice test;
  Linear one({{{"only", Share::all(5)}}, Share::all(7), Bias::present, 0.02, DType::f64});
  check_layer(*test.device, one, {.inputs = 7, .outputs = 5});
  Linear three({{{"q", Share::all(4)}, {"k", Share::all(2)}, {"v", Share::all(3)}},
                Share::all(17),
                Bias::present,
                0.02,
                DType::f64});
  check_layer(*test.device, three,
              {.sequences = 3, .rows_per_sequence = 1, .inputs = 17, .outputs = 9});
  Linear plain({{{"gate", Share::all(3)}, {"up", Share::all(3)}},
                Share::all(1),
                Bias::absent,
                0.02,
                DType::f64});
  check_layer(*test.device, plain, {.inputs = 1, .outputs = 6});
}

TEST(Layers, NormsKeepTheirPromises) {
  TestDevice test;
  for (NormKind kind : {NormKind::layer_norm, NormKind::rms_norm}) {
    for (Index width : {2, 19, 33}) {
      Norm norm({kind, "norm", width, 1e-5, DType::f64});
      check_layer(*test.device, norm, {.inputs = width, .outputs = width});
    }
  }
}

TEST(Layers, EmbeddingKeepsItsPromises) {
  TestDevice test;
  const auto table = [](Index vocabulary, Index width) {
    return VocabularyTable{.name = "tokens",
                           .vocabulary = vocabulary,
                           .rows = Share::all((vocabulary + 7) / 8 * 8),
                           .width = width,
                           .dtype = DType::f64};
  };
  Embedding learned({.tokens = table(11, 7), .positions = 5});
  check_layer(*test.device, learned,
              {.sequences = 3, .rows_per_sequence = 5, .outputs = 7, .vocabulary = 11});
  Embedding plain({.tokens = table(8, 17)});
  check_layer(*test.device, plain, {.outputs = 17, .vocabulary = 8});
}

TEST(Layers, AttentionKeepsItsPromises) {
  TestDevice test;
  SelfAttention plain(attention_options(2, 2, 6, std::nullopt, Bias::present));
  check_layer(*test.device, plain, {.rows_per_sequence = 5, .inputs = 6, .outputs = 6});
  SelfAttention grouped(attention_options(6, 2, 24, 10000.0, Bias::absent));
  check_layer(*test.device, grouped, {.rows_per_sequence = 7, .inputs = 24, .outputs = 24});
  SelfAttention one_row(attention_options(1, 1, 4, 100.0, Bias::absent));
  check_layer(*test.device, one_row, {.rows_per_sequence = 1, .inputs = 4, .outputs = 4});
}

TEST(Layers, MlpKeepsItsPromises) {
  TestDevice test;
  Mlp gelu(mlp_options(MlpKind::gelu, 6, 23, Bias::present));
  check_layer(*test.device, gelu, {.inputs = 6, .outputs = 6});
  Mlp swiglu(mlp_options(MlpKind::swiglu, 5, 17, Bias::absent));
  check_layer(*test.device, swiglu, {.inputs = 5, .outputs = 5});
}

TEST(Layers, BlocksOfBothFamiliesKeepTheirPromises) {
  TestDevice test;
  Block gpt({{NormKind::layer_norm, "n1", 8, 1e-5, DType::f64},
             attention_options(2, 2, 8, std::nullopt, Bias::present),
             {NormKind::layer_norm, "n2", 8, 1e-5, DType::f64},
             mlp_options(MlpKind::gelu, 8, 19, Bias::present)});
  check_layer(*test.device, gpt, {.rows_per_sequence = 5, .inputs = 8, .outputs = 8});
  Block llama({{NormKind::rms_norm, "n1", 12, 1e-5, DType::f64},
               attention_options(3, 1, 12, 10000.0, Bias::absent),
               {NormKind::rms_norm, "n2", 12, 1e-5, DType::f64},
               mlp_options(MlpKind::swiglu, 12, 13, Bias::absent)});
  check_layer(*test.device, llama, {.rows_per_sequence = 5, .inputs = 12, .outputs = 12});
}

TEST(Layers, BlocksThatRecomputeKeepTheirPromises) {
  TestDevice test;
  for (Recompute recompute : {Recompute::selective, Recompute::full}) {
    for (MlpKind kind : {MlpKind::gelu, MlpKind::swiglu}) {
      Block block({{NormKind::layer_norm, "n1", 8, 1e-5, DType::f64},
                   attention_options(2, 2, 8, std::nullopt, Bias::present),
                   {NormKind::layer_norm, "n2", 8, 1e-5, DType::f64},
                   mlp_options(kind, 8, 19, Bias::present),
                   recompute});
      check_layer(*test.device, block, {.rows_per_sequence = 5, .inputs = 8, .outputs = 8});
    }
  }
}

}  // namespace
}  // namespace tokenwerk
