#include "launch/recipe_broadcast.h"

#include "tests/launch/recipe_text.h"

namespace tokenwerk {
namespace {

TEST(RecipeBroadcast, BringsEveryKeyItsPlaceAndTheSchedule) {
  Recipe sent = resolved(
      test::read(test::small, {{"training.learning_rate", "0.1"}, {"checkpoint.every", "auto"}}),
      2);
  sent.schedule_text = "rank 0: 0F0 0B0\n";
  const Recipe got = unpacked_recipe(packed_recipe(sent));
  EXPECT_EQ(got, sent);
  EXPECT_EQ(got.file, "run.toml");
  EXPECT_EQ(got.place_of("training.steps"), "run.toml:11:1");
  EXPECT_EQ(got.place_of("training.learning_rate"), "--training.learning_rate");
  EXPECT_EQ(got.schedule_text, sent.schedule_text);
  EXPECT_EQ(unpacked_recipe(packed_recipe(test::read(test::small))).schedule_text, std::nullopt);
}

}  // namespace
}  // namespace tokenwerk
