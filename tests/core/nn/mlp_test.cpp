/// What recomputation promises of a feed-forward layer, in every type and on every device: products
/// may be fused with the activation there, which f64 and the cpu never show.

#include "core/nn/mlp.h"

#include "core/nn/parameter_store.h"
#include "core/ops/activation.h"
#include "tests/support/dtypes.h"
#include "tests/support/reference.h"

namespace tokenwerk {
namespace {

constexpr Index rows = 12, width = 24, ffn_width = 40;

/// A layer with weights that do not depend on how it recomputes.
struct Made {
  Made(Device& device, DType dtype, Recompute recompute)
      : mlp({.name = "mlp",
             .width = width,
             .ffn_width = ffn_width,
             .bias = Bias::present,
             .dtype = dtype,
             .recompute = recompute}),
        store(device, mlp.groups()) {
    fill_random(store.values(), 1);
  }
  [[nodiscard]] ConstTensorView weight(std::size_t group) { return mlp.groups()[group]->value; }
  Mlp mlp;
  ParameterStore store;
};

/// Takes each gradient as it comes.
struct Sink final : GradientSink {
  void add(const Run& run, const ParameterGroup& group, Index count,
           const Product& product) override {
    gradients.emplace_back(run.stream.device(), accumulation_type(group.dtype), group.value.shape);
    product(gradients.back(), {0, count}, Write::overwrite);
  }
  std::vector<Tensor> gradients;
};

class MlpTest : public testing::TestWithParam<DType> {
 protected:
  Tensor random(std::uint64_t seed) { return random_tensor(device_, dtype_, {rows, width}, seed); }
  Tensor empty(Index columns) { return {device_, dtype_, {rows, columns}}; }

  TestDevice test_;
  Device& device_ = *test_.device;
  Stream& stream_ = *test_.stream;
  DType dtype_ = GetParam();
  /// Not testing::Test::Run.
  tokenwerk::Run run_{.stream = stream_, .rows = rows, .rows_per_sequence = rows};
};

TEST_P(MlpTest, SelectiveRecomputationMakesTheActivationOfForward) {
  Made made(device_, dtype_, Recompute::selective);
  const Tensor x = random(2), dy = random(3), y = empty(width), dx = empty(width);
  Saved saved;
  Sink sink;
  made.mlp.forward(run_, y, x, saved);
  made.mlp.backward_input(run_, dx, dy, x, saved, &sink);

  const Tensor hidden = empty(ffn_width), active = empty(ffn_width), again = empty(width);
  matmul(stream_, hidden, x, made.weight(0), made.weight(1));
  gelu_forward(stream_, active, hidden);
  matmul(stream_, again, active, made.weight(2), made.weight(3));
  expect_equal(y, again);  // what forward used
  const Tensor dw(device_, accumulation_type(dtype_), {width, ffn_width});
  matmul_backward_weight(stream_, dw, dy, active);
  expect_equal(sink.gradients.front(), dw);  // what backward made: down's weight comes first
}

TEST_P(MlpTest, ForwardAgainGivesTheSameBits) {
  Made made(device_, dtype_, Recompute::none);
  const Tensor x = random(4), dy = random(5);
  std::vector<std::vector<double>> kept, again;
  for (auto* results : {&kept, &again}) {
    const Tensor y = empty(width), dx = empty(width);
    Saved saved;
    Sink sink;
    made.mlp.forward(run_, y, x, saved);
    if (results == &again) {
      saved.clear();
      made.mlp.forward(run_, y, x, saved);
    }
    made.mlp.backward_input(run_, dx, dy, x, saved, &sink);
    *results = {values_of(y), values_of(dx)};
    for (const Tensor& gradient : sink.gradients) results->push_back(values_of(gradient));
  }
  EXPECT_EQ(kept, again);
}

TEST_P(MlpTest, RecomputationChangesNothingBeyondRoundings) {
  Made keeps(device_, dtype_, Recompute::none), makes(device_, dtype_, Recompute::selective);
  const Tensor x = random(6), dy = random(7);
  std::vector<Tensor> results[2];
  for (Made* made : {&keeps, &makes}) {
    Tensor y = empty(width), dx = empty(width);
    Saved saved;
    Sink sink;
    made->mlp.forward(run_, y, x, saved);
    made->mlp.backward_input(run_, dx, dy, x, saved, &sink);
    auto& own = results[made == &makes];
    own = std::move(sink.gradients);
    own.push_back(std::move(y));
    own.push_back(std::move(dx));
  }
  for (std::size_t i = 0; i < results[0].size(); ++i)
    expect_close(results[0][i], values_of(results[1][i]), 8.0, epsilon_of(dtype_));
}

INSTANTIATE_TEST_SUITE_P(Types, MlpTest, floating_types, dtype_name);

}  // namespace
}  // namespace tokenwerk
