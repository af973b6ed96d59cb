/// The KV cache changes the work, not the numbers.

#include <gtest/gtest.h>

#include "models/generator.h"
#include "tests/support/reference.h"

namespace tokenwerk {
namespace {

ModelConfig small(Family family) {
  return {.family = family,
          .layers = 2,
          .width = 24,
          .heads = 4,
          .kv_heads = family == Family::llama ? 2 : 4,
          .ffn_width = 40,
          .vocabulary = 37,
          .sequence_length = 19,
          .tied = family == Family::gpt};
}

TEST(Generator, TokenByTokenGivesTheLogitsOfTheWholePrompt) {
  for (Family family : {Family::gpt, Family::llama}) {
    TestDevice test;
    Model model(*test.device, small(family), DType::f32);
    model.parameters().initialise(*test.stream, 5);
    const std::vector<std::int32_t> tokens{3, 1, 4, 1, 5, 9, 2, 6, 5, 36, 0};
    Generator whole(*test.stream, model), single(*test.stream, model);
    const auto at_once = whole.advance(tokens);
    std::span<const float> last;
    for (std::int32_t token : tokens) last = single.advance({{token}});
    ASSERT_EQ(at_once.size(), 37u);
    for (std::size_t i = 0; i < at_once.size(); ++i) EXPECT_NEAR(last[i], at_once[i], 1e-5);
    EXPECT_EQ(whole.room(), 8);
    EXPECT_EQ(single.room(), 8);
  }
}

TEST(Generator, RefusesMoreTokensThanThereIsRoomFor) {
  TestDevice test;
  Model model(*test.device, small(Family::gpt), DType::f32);
  model.parameters().initialise(*test.stream, 5);
  Generator generator(*test.stream, model);
  EXPECT_THROW((void)generator.advance(std::vector<std::int32_t>(20, 1)), Error);
  EXPECT_NO_THROW((void)generator.advance(std::vector<std::int32_t>(19, 1)));
  EXPECT_EQ(generator.room(), 0);
}

}  // namespace
}  // namespace tokenwerk
