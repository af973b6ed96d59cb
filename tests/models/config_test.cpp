/// Counts by formula against the layers themselves, and published sizes.

#include <gtest/gtest.h>

#include "models/model.h"
#include "tests/support/reference.h"

namespace tokenwerk {
namespace {

TEST(ModelConfig, CountsWhatTheLayersHold) {
  for (Family family : {Family::gpt, Family::llama}) {
    for (bool tied : {false, true}) {
      TestDevice test;
      const ModelConfig config{.family = family,
                               .layers = 3,
                               .width = 24,
                               .heads = 4,
                               .kv_heads = 2,
                               .ffn_width = 56,
                               .vocabulary = 101,
                               .sequence_length = 17,
                               .tied = tied};
      const Model model(*test.device, config, DType::f32);
      EXPECT_EQ(parameter_count(config), model.parameters().parameter_count());
    }
  }
}

TEST(ModelConfig, PresetsHaveThePublishedSizes) {
  struct Published {
    const char* name;
    double parameters;
  };
  for (const auto& [name, parameters] :
       {Published{"gpt2-124m", 124.4e6}, Published{"gpt2-355m", 354.8e6},
        Published{"gpt2-774m", 774.0e6}, Published{"gpt2-1.5b", 1557.6e6},
        Published{"llama2-7b", 6.738e9}, Published{"llama3-8b", 8.03e9},
        Published{"llama3-70b", 70.55e9}, Published{"llama3-405b", 405.9e9}}) {
    ASSERT_TRUE(preset(name)) << name;
    EXPECT_TRUE(faults_of(*preset(name)).empty()) << name;
    const auto count = static_cast<double>(parameter_count(*preset(name)));
    EXPECT_NEAR(count, parameters, 1e-3 * parameters) << name;
  }
  EXPECT_FALSE(preset("gpt3"));
}

TEST(ModelConfig, NamesTheNearestLegalValue) {
  ModelConfig config = *preset("gpt2-124m");
  config.heads = 7;
  config.kv_heads = 7;
  ASSERT_EQ(faults_of(config).size(), 1u);
  EXPECT_NE(faults_of(config)[0].find("nearest is 6"), std::string::npos) << faults_of(config)[0];
}

}  // namespace
}  // namespace tokenwerk
