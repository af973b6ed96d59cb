/// Gradients of a fixed order against the tree over the global batch evaluated plainly, bit for
/// bit, under every spread of the ranks.

#include "parallel/data/ordered_gradients.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <functional>

#include "core/nn/layer.h"
#include "tests/parallel/data/sharded_model.h"

namespace tokenwerk::test {
namespace {

constexpr Index length = 6;  ///< tokens of a sequence: two of its eight chunks are empty

/// What a rank does in a step.
struct Batches {
  Index microbatches = 1;
  Index sequences = 1;  ///< of each

  [[nodiscard]] Index count() const { return microbatches * sequences; }
};

/// One use of a group in one step, by the tensor rank whose part of it this is.
struct Use {
  std::uint64_t step = 0;
  Index unit = 0;
  Index group = 0;
  Index part = 0;
};

/// What a token of the global batch adds to element i: of any sign, and of magnitudes so far apart
/// that every order of adding rounds in another way.
float token_gradient(const Use& use, Index token, Index i) {
  std::uint64_t bits = use.step;
  for (const Index key : {use.unit, use.group, use.part, token, i})
    bits = mix(bits ^ static_cast<std::uint64_t>(key));
  const double mantissa = 1.0 + static_cast<double>(bits >> 40) * 0x1p-24;
  const double value = std::ldexp(mantissa, static_cast<int>(bits % 25) - 12);
  return static_cast<float>((bits >> 8) % 2 == 0 ? value : -value);
}

/// A product's sum over some tokens.
float tokens_sum(const Use& use, Index first, Index last, Index i) {
  float sum = 0.0f;
  for (Index token = first; token < last; ++token) sum += token_gradient(use, token, i);
  return sum;
}

/// The definition of the tree: two halves, the first being the largest power of two below `count`.
float tree_sum(Index first, Index count, const std::function<float(Index)>& leaf) {
  if (count == 1) return leaf(first);
  const auto half = static_cast<Index>(std::bit_floor(static_cast<std::uint64_t>(count - 1)));
  return tree_sum(first, half, leaf) + tree_sum(first + half, count - half, leaf);
}

float sequence_gradient(const Use& use, const ParameterGroup& group, Index sequence, Index i) {
  const Index first = sequence * length;
  if (!group.by_token_chunks) return tokens_sum(use, first, first + length, i);
  return tree_sum(0, 8, [&](Index chunk) {
    return tokens_sum(use, first + chunk * length / 8, first + (chunk + 1) * length / 8, i);
  });
}

Index true_elements(const ParameterGroup& group) {
  Index count = 0;
  for (const Parameter& part : group.parts) count += part.box.extent.count();
  return count;
}

Use use_of(const ShardedModel& model, const ParameterGroup& group, std::uint64_t step, Index unit) {
  const Index part = group.sum_over_tensor ? 0 : model.axes().tensor->rank();
  return {step, unit, group.index, part};
}

/// Gives the sink one micro-batch's gradient of a group.
void add_gradient(ShardedModel& model, GradientSync& sync, const Run& run,
                  const ParameterGroup& group, std::uint64_t step) {
  const Communicator& tensor = *model.axes().tensor;
  const Index slices = group.sum_over_tensor ? tensor.size() : 1;
  const Index rows = run.rows / slices;
  const Index start = run.first_sequence * length + (slices > 1 ? tensor.rank() * rows : 0);
  const Use use = use_of(model, group, step, run.unit);
  sync.sink().add(run, group, rows, [&](TensorView gradient, Rows here, Write write) {
    EXPECT_EQ(write, Write::overwrite);
    HostElements::change(gradient, [&](const TensorView& host) {
      for (Index i = 0; i < host.count(); ++i) {
        const bool padding = i >= true_elements(group);
        host.as<float>()[i] =
            padding ? 0.0f : tokens_sum(use, start + here.first, start + here.last, i);
      }
    });
  });
}

/// One step's backward. Micro-batches come in either order: gradients of a step know their place.
void run_backward(ShardedModel& model, GradientSync& sync, std::uint64_t step,
                  const Batches& batches) {
  sync.begin(batches.microbatches);
  for (Index n = 0; n < batches.microbatches; ++n) {
    const Index microbatch = step % 2 == 0 ? n : batches.microbatches - 1 - n;
    const Index before = model.axes().data->rank() * batches.count();
    Run run{.stream = *model.world.stream,
            .mode = Mode::train,
            .rows = batches.sequences * length,
            .rows_per_sequence = length,
            .first_sequence = before + microbatch * batches.sequences,
            .order = SumOrder::fixed};
    for (Index unit = static_cast<Index>(model.units.size()); unit-- > 0;) {
      run.unit = unit;
      for (const ParameterGroup* group : model.units[static_cast<std::size_t>(unit)])
        add_gradient(model, sync, run, *group, step);
      sync.added(*model.world.stream, unit);
    }
  }
  sync.finish(*model.world.stream);
  model.world.stream->synchronize();
}

/// The trees of a group's uses over the global batch, added last.
float whole_sum(const ShardedModel& model, const ParameterGroup& group, std::uint64_t step,
                Index global_batch, Index i) {
  float sum = 0.0f;
  for (std::size_t unit = 0; unit < model.units.size(); ++unit) {
    for (const ParameterGroup* used : model.units[unit]) {
      if (used != &group) continue;
      const Use use = use_of(model, group, step, static_cast<Index>(unit));
      sum += tree_sum(0, global_batch,
                      [&](Index sequence) { return sequence_gradient(use, group, sequence, i); });
    }
  }
  return sum;
}

void expect_tree_sums(const ShardedModel& model, const GradientSync& sync, std::uint64_t step,
                      Index global_batch) {
  for (const ParameterGroup* group : model.store->groups()) {
    const TensorView shard = sync.shard(*group);
    const Index first = group->matrix() ? group->shard.first * shard.columns() : 0;
    const HostElements elements(shard);
    const auto* found = elements.view().as<float>();
    for (Index j = 0; j < shard.count(); ++j) {
      const bool padding = first + j >= true_elements(*group);
      const float want = padding ? 0.0f : whole_sum(model, *group, step, global_batch, first + j);
      EXPECT_EQ(std::bit_cast<std::uint32_t>(found[j]), std::bit_cast<std::uint32_t>(want))
          << group->parts[0].name << " " << first + j << ": " << found[j] << " instead of " << want
          << ", step " << step;
    }
  }
}

class OrderedGradientSums : public testing::TestWithParam<Batches> {};

/// Shards: 1 is ZeRO 0, all data ranks ZeRO 1 to 3, between them a zero_group.
TEST_P(OrderedGradientSums, AreTheTreeOverTheGlobalBatchBitForBit) {
  for_each_spread([&](Spread spread) {
    SCOPED_TRACE(testing::Message() << spread.tensor << " tensor, " << spread.shard << " shards");
    ShardedModel model(spread, Residence::whole);
    for (ParameterGroup* group : model.store->groups())
      group->by_token_chunks = group->parts[0].name == "norm";
    const Index global_batch = GetParam().count() * model.axes().data->size();
    const GradientSyncOptions options{
        .zero = spread.shard > 1 ? 2 : 0, .order = SumOrder::fixed, .global_batch = global_batch};
    const auto sync =
        make_gradient_sync(options, *model.world.stream, model.axes(), *model.store, model.units);
    for (const std::uint64_t step : {0u, 1u}) {
      run_backward(model, *sync, step, GetParam());
      expect_tree_sums(model, *sync, step, global_batch);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Batches, OrderedGradientSums,
                         testing::Values(Batches{1, 1}, Batches{3, 1}, Batches{2, 2}, Batches{1, 5},
                                         Batches{3, 4}),
                         [](const auto& test) {
                           return std::to_string(test.param.microbatches) + "x" +
                                  std::to_string(test.param.sequences);
                         });

}  // namespace
}  // namespace tokenwerk::test
