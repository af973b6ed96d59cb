/// Gradients under every ZeRO stage against plain sums over ranks, micro-batches and uses.

#include "parallel/data/gradient_sync.h"

#include <gtest/gtest.h>

#include "core/nn/layer.h"
#include "tests/parallel/data/sharded_model.h"
#include "tests/support/reference.h"

namespace tokenwerk::test {
namespace {

/// One use of a group in one micro-batch of one step.
struct Use {
  std::uint64_t step = 0;
  Index microbatch = 0;
  std::size_t unit = 0;
  Index group = 0;
};

/// Element i of its gradient on a rank: whole numbers, so that sums are exact.
double gradient_at(const Use& use, Index rank, Index i) {
  const std::uint64_t seed = ((use.step * 10 + static_cast<std::uint64_t>(use.microbatch)) * 10 +
                              static_cast<std::uint64_t>(use.unit)) *
                                 10 +
                             static_cast<std::uint64_t>(use.group);
  return whole_value(seed, static_cast<int>(rank), i);
}

Index true_elements(const ParameterGroup& group) {
  Index count = 0;
  for (const Parameter& part : group.parts) count += part.box.extent.count();
  return count;
}

/// What a layer's product does: nothing for the padding.
void add_gradient(TensorView gradient, const ParameterGroup& group, const Use& use, Index rank,
                  Write write) {
  HostElements::change(gradient, [&](const TensorView& host) {
    auto* values = host.as<float>();
    for (Index i = 0; i < host.count(); ++i) {
      const double value = i < true_elements(group) ? gradient_at(use, rank, i) : 0.0;
      values[i] = static_cast<float>(value) + (write == Write::accumulate ? values[i] : 0.0f);
    }
  });
}

/// One step's backward; micro-batches go through the units from the last to the first.
void run_backward(ShardedModel& model, GradientSync& sync, std::uint64_t step, Index microbatches) {
  Run run{.stream = *model.world.stream, .mode = Mode::train, .rows = 4, .rows_per_sequence = 2};
  sync.begin(microbatches);
  for (Index microbatch = 0; microbatch < microbatches; ++microbatch) {
    for (std::size_t unit = model.units.size(); unit-- > 0;) {
      for (const ParameterGroup* group : model.units[unit]) {
        sync.sink().add(run, *group, run.rows, [&](TensorView gradient, Rows, Write write) {
          add_gradient(gradient, *group, {step, microbatch, unit, group->index}, model.world.rank(),
                       write);
        });
      }
      sync.added(*model.world.stream, static_cast<Index>(unit));
    }
  }
  sync.finish(*model.world.stream);
  model.world.stream->synchronize();
}

/// The sum over ranks, micro-batches and uses of one element.
double sum_at(const ShardedModel& model, const ParameterGroup& group, std::uint64_t step,
              Index microbatches, Index i) {
  double sum = 0.0;
  for (const Index rank : model.summed_ranks(group))
    for (Index microbatch = 0; microbatch < microbatches; ++microbatch)
      for (std::size_t unit = 0; unit < model.units.size(); ++unit)
        for (const ParameterGroup* used : model.units[unit])
          if (used == &group) sum += gradient_at({step, microbatch, unit, group.index}, rank, i);
  return sum;
}

/// Stage 0 holds the whole sum, the others their rows of it; what pads them is zero.
void expect_sums(ShardedModel& model, GradientSync& sync, int zero, std::uint64_t step,
                 Index microbatches) {
  for (const ParameterGroup* group : model.store->groups()) {
    const TensorView shard = sync.shard(*group);
    const Index columns = group->matrix() ? shard.columns() : 1;
    const Index first = zero == 0 || !group->matrix() ? 0 : group->shard.first * columns;
    const std::vector<double> found = values_of(shard);
    for (std::size_t j = 0; j < found.size(); ++j) {
      const Index i = first + static_cast<Index>(j);
      const bool padding = i >= true_elements(*group);
      EXPECT_EQ(found[j], padding ? 0.0 : sum_at(model, *group, step, microbatches, i))
          << group->parts[0].name << " " << i << ", zero " << zero << ", step " << step;
    }
  }
}

class GradientSums : public testing::TestWithParam<int> {};

TEST_P(GradientSums, EqualPlainOnesOverEverySpread) {
  const int zero = GetParam();
  for_each_spread([&](Spread spread) {
    if (zero == 0 && spread.shard > 1) return;
    SCOPED_TRACE(testing::Message() << spread.tensor << " tensor, " << spread.shard << " shards");
    ShardedModel model(spread, zero == 3 ? Residence::shard : Residence::whole);
    const auto sync = make_gradient_sync({.zero = zero}, *model.world.stream, model.axes(),
                                         *model.store, model.units);
    // Nothing of a step before is left in the next, whatever its micro-batches.
    for (const Index microbatches : {3, 1, 4}) {
      const auto step = static_cast<std::uint64_t>(microbatches);
      run_backward(model, *sync, step, microbatches);
      expect_sums(model, *sync, zero, step, microbatches);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Zero, GradientSums, testing::Values(0, 1, 2, 3));

}  // namespace
}  // namespace tokenwerk::test
