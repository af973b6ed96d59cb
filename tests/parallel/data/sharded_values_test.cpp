/// Weights whose owners are spread over the shard axis, as layers see them.

#include "parallel/data/sharded_values.h"

#include <gtest/gtest.h>

#include "core/ops/elementwise.h"
#include "tests/parallel/data/sharded_model.h"
#include "tests/support/reference.h"

namespace tokenwerk::test {
namespace {

/// Element i of a group after an update: whole numbers, exact in f32.
double weight_at(std::uint64_t step, const ParameterGroup& group, Index i) {
  return whole_value(step, static_cast<int>(group.index), i);
}

/// What the optimizer does: this rank's shard, and nothing else.
void update(ShardedModel& model, std::uint64_t step) {
  for (const ParameterGroup* group : model.store->groups()) {
    const TensorView shard = model.store->shard_values(*group);
    const Index columns = group->matrix() ? shard.columns() : 1;
    const Index first = group->matrix() ? group->shard.first * columns : 0;
    std::vector<double> values;
    for (Index i = 0; i < shard.count(); ++i) values.push_back(weight_at(step, *group, first + i));
    set_values(shard, values);
  }
}

void expect_weights(const ParameterGroup& group, std::uint64_t step) {
  ASSERT_TRUE(static_cast<bool>(group.value)) << group.parts[0].name;
  const std::vector<double> values = values_of(group.value);
  for (std::size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(values[i], weight_at(step, group, static_cast<Index>(i))) << group.parts[0].name;
  std::size_t next = 0;
  for (const Parameter& part : group.parts)
    for (const double value : values_of(part.value)) EXPECT_EQ(value, values[next++]) << part.name;
}

/// Forward and backward through all units: whole weights inside each, gone after it if they may.
void expect_weights_in_every_unit(ShardedModel& model, ShardedValues& values, std::uint64_t step,
                                  bool released) {
  Stream& stream = *model.world.stream;
  const std::size_t held = model.world.device->memory().current;
  const auto use = [&](std::size_t unit, Direction direction) {
    values.before(stream, static_cast<Index>(unit), direction);
    stream.synchronize();
    for (const ParameterGroup* group : model.units[unit]) expect_weights(*group, step);
    values.after(static_cast<Index>(unit));
    for (const ParameterGroup* group : model.units[unit])
      EXPECT_EQ(static_cast<bool>(group->value), !released || !group->matrix());
  };
  for (std::size_t unit = 0; unit < model.units.size(); ++unit) use(unit, Direction::forward);
  for (std::size_t unit = model.units.size(); unit-- > 0;) use(unit, Direction::backward);
  if (!released) return;
  EXPECT_EQ(model.world.device->memory().current, held) << "gathered weights stay";
}

struct Way {
  const char* name;
  Residence residence;
  Gathered gathered;
};

class ShardedWeights : public testing::TestWithParam<Way> {};

TEST_P(ShardedWeights, AreWholeWhereALayerReadsThem) {
  const Way way = GetParam();
  for_each_spread([&](Spread spread) {
    SCOPED_TRACE(testing::Message() << spread.tensor << " tensor, " << spread.shard << " shards");
    ShardedModel model(spread, way.residence);
    fill(*model.world.stream, model.store->values(), -1.0);
    ShardedValues values(model.shard(), *model.store, model.units,
                         {{1, -1}, {2, 0}, {3, 1}, {-1, 2}}, way.gathered);
    for (std::uint64_t step = 1; step <= 3; ++step) {
      update(model, step);
      values.updated(*model.world.stream);
      const bool released =
          way.residence == Residence::shard && way.gathered == Gathered::until_used;
      expect_weights_in_every_unit(model, values, step, released);
      values.wait(*model.world.stream);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Ways, ShardedWeights,
                         testing::Values(Way{"Gathered", Residence::whole, Gathered::until_used},
                                         Way{"Released", Residence::shard, Gathered::until_used},
                                         Way{"Kept", Residence::shard, Gathered::until_updated}),
                         [](const auto& way) { return way.param.name; });

}  // namespace
}  // namespace tokenwerk::test
