/// What --check counts for a rank is what the rank's device hands out when the same run begins.

#include "launch/rank_state.h"

#include <gtest/gtest.h>

#include "launch/recipe_model.h"
#include "launch/train_step.h"
#include "parallel/comm/collectives.h"
#include "parallel/comm/control.h"
#include "tests/launch/recipe_text.h"
#include "tests/support/mpi_test.h"

namespace tokenwerk {
namespace {

using Flags = std::vector<RecipeFlag>;

/// The layouts that are tried on so many ranks. Their models have 6 blocks.
std::vector<Flags> layouts(int ranks) {
  const std::string all = std::to_string(ranks);
  std::vector<Flags> out{{},
                         {{"parallel.zero", "1"}},
                         {{"parallel.zero", "2"}},
                         {{"parallel.zero", "3"}},
                         {{"parallel.zero", "2"}, {"training.reproducible", "true"}}};
  if (ranks == 1) return out;
  out.push_back({{"parallel.tensor", "2"}, {"parallel.sequence", "true"}, {"parallel.zero", "1"}});
  out.push_back({{"parallel.tensor", all}});
  out.push_back({{"parallel.pipeline", "2"}, {"parallel.zero", "3"}});
  out.push_back({{"parallel.pipeline", "2"}, {"parallel.schedule", "zb-v"}});
  if (ranks == 2) return out;
  for (const char* stages : {"3,1,1,1", "1,1,3,1", "1,2,1,2"})  // another rank holds most
    out.push_back({{"parallel.pipeline", all}, {"parallel.stages", stages}});
  out.push_back({{"parallel.zero", "2"}, {"parallel.zero_group", "2"}});
  out.push_back({{"parallel.tensor", "2"},
                 {"parallel.pipeline", "2"},
                 {"parallel.schedule", "interleaved"},
                 {"parallel.zero", "1"}});
  return out;
}

const Flags gpt{};
/// Odd rows, so that shards are padded, and fewer kv heads than some tensor degrees.
const Flags llama{{"model.family", "llama"}, {"model.kv_heads", "2"}, {"model.tied", "false"}};

Recipe recipe_of(Flags flags, const Flags& model, const std::string& precision) {
  flags.insert(flags.end(), model.begin(), model.end());
  for (const RecipeFlag& flag : Flags{{"model.layers", "6"},
                                      {"model.vocabulary", "251"},
                                      {"training.precision", precision},
                                      {"data.sequence_length", "16"},
                                      {"training.global_batch", "16"}})
    flags.push_back(flag);
  const int ranks = test::environment().size();
  return resolved(test::read(test::small, flags, ranks), ranks);
}

/// Begins the run on this rank and compares what it holds with what was counted.
void compare(const Recipe& recipe) {
  MpiEnvironment& environment = test::environment();
  const auto device = make_device(DeviceKind::cpu);
  const auto stream = device->make_stream();
  const auto world = environment.make_world(*device);
  const ModelConfig config = model_config(recipe, 0);
  Parallelism parallelism(environment, *world, recipe, config);
  const std::size_t before = device->memory().current;
  Model model(*device, config, recipe.training.precision == "bf16" ? DType::bf16 : DType::f32,
              parallelism.part());
  const std::size_t weights = device->memory().current - before;
  TrainStep step(*stream, model, parallelism, adamw_options(recipe.training), nullptr);
  const std::size_t held = device->memory().current - before;

  const RankState counted = rank_state(recipe, config, environment.rank());
  const std::string where = to_toml(recipe);
  // Queues of communication over MPI have a buffer each.
  EXPECT_GE(held, counted.total()) << where;
  EXPECT_EQ((held - counted.total()) % plan_scratch_bytes, 0u) << where;
  EXPECT_LE((held - counted.total()) / plan_scratch_bytes, environment.size() > 1 ? 4u : 0u)
      << where;
  EXPECT_EQ(counted.weights, weights) << where;
  EXPECT_EQ(counted.moments, step.optimizer().m().count() * 2 * sizeof(float)) << where;
  EXPECT_EQ(counted.master > 0, recipe.training.precision == "bf16") << where;
  EXPECT_GT(counted.gradients, 0u) << where;
  EXPECT_LT(counted.sums, 1024u) << where;
  const Index most = all_reduce(*world, static_cast<Index>(counted.total()), Reduction::max);
  const RankState fullest = fullest_rank(recipe, config);
  EXPECT_EQ(static_cast<Index>(fullest.total()), most) << where;
}

TEST(RankState, IsWhatARunHolds) {
  const int ranks = test::environment().size();
  for (const Flags& layout : layouts(ranks)) {
    compare(recipe_of(layout, gpt, "f32"));
    compare(recipe_of(layout, gpt, "bf16"));
    compare(recipe_of(layout, llama, "bf16"));
  }
}

}  // namespace
}  // namespace tokenwerk
