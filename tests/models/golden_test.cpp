/// Both model families against PyTorch: tests/golden/README.md says what the files hold.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "core/nn/accumulating_sink.h"
#include "core/ops/elementwise.h"
#include "core/optimizer/adamw_optimizer.h"
#include "models/pass.h"
#include "parallel/checkpoint/hdf5_file.h"
#include "tests/support/reference.h"

namespace tokenwerk {
namespace {

/// L2 norms of a PyTorch tensor and of our distance from it.
struct Distance {
  double norm = 0.0;
  double distance = 0.0;
};

class Golden {
 public:
  explicit Golden(const std::string& name)
      : path_(std::string(TW_TEST_DATA) + "/golden/" + name + ".h5") {}

  [[nodiscard]] Hdf5Array array(const std::string& name) const {
    return read_hdf5_array(path_, name);
  }
  [[nodiscard]] double number(const std::string& name, const std::string& object = "/") const {
    return read_hdf5_attribute(path_, object, name);
  }
  [[nodiscard]] ModelConfig config() const {
    const auto integer = [&](const char* name) { return static_cast<Index>(number(name)); };
    const bool gpt = path_.ends_with("gpt.h5");
    return {.family = gpt ? Family::gpt : Family::llama,
            .layers = integer("layers"),
            .width = integer("width"),
            .heads = integer("heads"),
            .kv_heads = integer("kv_heads"),
            .ffn_width = integer("ffn_width"),
            .vocabulary = integer("vocabulary"),
            .sequence_length = integer("sequence_length"),
            .tied = integer("tied") != 0,
            .norm_epsilon = number("norm_epsilon"),
            .rope_theta = gpt ? 10000.0 : number("rope_theta")};
  }
  [[nodiscard]] Distance compare(const std::string& name, ConstTensorView ours) const {
    const Hdf5Array theirs = array(name);
    const auto values = theirs.as<float>();
    const std::vector<double> mine = values_of(ours);
    EXPECT_EQ(mine.size(), values.size()) << name;
    Distance out;
    for (std::size_t i = 0; i < values.size(); ++i) {
      out.norm += static_cast<double>(values[i]) * values[i];
      out.distance += (mine[i] - values[i]) * (mine[i] - values[i]);
    }
    return {std::sqrt(out.norm), std::sqrt(out.distance)};
  }

 private:
  std::string path_;
};

/// A model with PyTorch's first weights, and its batches.
class GoldenRun {
 public:
  GoldenRun(const std::string& name, DType dtype)
      : golden_(name),
        model_(*test_.device, golden_.config(), dtype),
        gradients_(*test_.device, DType::f32, Shape{model_.parameters().size()}),
        loss_sum_(*test_.device, DType::f64, Shape{ExactSum::stored}),
        sink_(model_.parameters(), gradients_),
        tokens_(golden_.array("tokens")),
        targets_(golden_.array("targets")) {
    fill(stream(), gradients_, 0.0);
    fill(stream(), model_.parameters().values(), 0.0);
    for_each([&](const Parameter& part, TensorView value) {
      const Hdf5Array weight = golden_.array("weights/" + part.name);
      const auto values = weight.as<float>();
      set_values(value, {values.begin(), values.end()});
    });
  }

  [[nodiscard]] const Golden& golden() const { return golden_; }
  [[nodiscard]] Model& model() { return model_; }
  [[nodiscard]] Stream& stream() { return *test_.stream; }
  [[nodiscard]] Device& device() { return *test_.device; }
  [[nodiscard]] TensorView gradients() { return gradients_; }

  template <typename Visit>
  void for_each(const Visit& visit, TensorView flat = {}) {
    for (const ParameterGroup* group : model_.parameters().groups()) {
      for (const Parameter& part : group->parts) {
        visit(part,
              ParameterStore::window(flat ? flat : model_.parameters().values(), *group, part));
      }
    }
  }

  [[nodiscard]] MicroBatch batch(Index step) {
    const Shape shape = tokens_.shape;
    const Index count = shape[1] * shape[2];
    const auto view = [&](Hdf5Array& array) {
      return ConstTensorView{array.bytes.data() + step * count * 4, Shape{count}, count, DType::i32,
                             test_.device.get()};
    };
    MicroBatch batch;
    batch.tokens = view(tokens_);
    batch.targets = view(targets_);
    return batch;
  }

  /// Forward and backward of a step's batch; returns the mean loss over its unmasked targets.
  double run(Index step) {
    const MicroBatch b = batch(step);
    Index counted = 0;
    for (Index i = 0; i < b.targets.count(); ++i)
      counted += b.targets.as<std::int32_t>()[i] != masked_target;
    const double scale = 1.0 / static_cast<double>(counted);
    fill(stream(), loss_sum_, 0.0);
    sink_.begin();
    forward_backward(stream(), model_, b, sink_, loss_sum_, scale);
    const Tensor total(*test_.device, DType::f64, Shape{1});
    exact_total(stream(), total, loss_sum_);
    return *total.view().as<double>() * scale;
  }

 private:
  static constexpr std::int32_t masked_target = -1;
  TestDevice test_;
  Golden golden_;
  Model model_;
  Tensor gradients_, loss_sum_;
  AccumulatingSink sink_;
  Hdf5Array tokens_, targets_;
};

bool is_key_bias(const std::string& name) { return name.ends_with(".attention.k.bias"); }

/// The norm that a key bias' gradient is measured against: its true value is zero.
std::string measure_of(const std::string& name) {
  return is_key_bias(name) ? name.substr(0, name.size() - 4) + "weight" : name;
}

class GoldenParity : public testing::TestWithParam<const char*> {};

TEST_P(GoldenParity, LogitsMatchPyTorch) {
  GoldenRun run(GetParam(), DType::f32);
  const MicroBatch batch = run.batch(0);
  const ModelConfig& config = run.model().config();
  const LossHead& head = run.model().head();
  Tensor features(run.device(), DType::f32, Shape{batch.tokens.count(), config.width});
  Tensor logits(run.device(), DType::f32, Shape{batch.tokens.count(), head.columns()});
  tokenwerk::Run r{.stream = run.stream(),
                   .mode = Mode::evaluate,
                   .rows = batch.tokens.count(),
                   .rows_per_sequence = config.sequence_length};
  forward_features(r, run.model(), features, batch.tokens);
  head.logits(r, logits, features);
  const Distance d =
      run.golden().compare("logits", logits.view().slice_columns(0, config.vocabulary));
  EXPECT_LE(d.distance, 1e-5 * d.norm);
}

TEST_P(GoldenParity, LossAndEveryGradientMatchPyTorch) {
  GoldenRun run(GetParam(), DType::f32);
  EXPECT_NEAR(run.run(0), run.golden().number("loss_f64"), 1e-5);
  run.for_each(
      [&](const Parameter& part, TensorView gradient) {
        const Distance d = run.golden().compare("gradients/" + part.name, gradient);
        const double norm = run.golden().number("norm", "gradients/" + measure_of(part.name));
        EXPECT_LE(d.distance, 1e-5 * norm) << part.name;
      },
      run.gradients());
}

TEST_P(GoldenParity, TenStepsMatchPyTorch) {
  GoldenRun run(GetParam(), DType::f32);
  const Golden& golden = run.golden();
  AdamWOptimizer optimizer(run.device(), run.stream(), run.model().parameters(),
                           {.beta1 = golden.number("beta1"),
                            .beta2 = golden.number("beta2"),
                            .epsilon = golden.number("epsilon"),
                            .weight_decay = golden.number("weight_decay")});
  const Hdf5Array losses = golden.array("losses_f64"), norms = golden.array("gradient_norms");
  const auto steps = static_cast<Index>(golden.number("steps"));
  const double rate = golden.number("learning_rate");
  for (Index step = 0; step < steps; ++step) {
    const auto i = static_cast<std::size_t>(step);
    EXPECT_NEAR(run.run(step), losses.as<double>()[i], 1e-5) << "step " << step;
    optimizer.step(run.stream(), run.gradients(),
                   {.step = step + 1, .learning_rate = rate, .clip = golden.number("clip")});
    const StepOutcome outcome = optimizer.outcome(run.stream());
    EXPECT_NEAR(outcome.gradient_norm, norms.as<double>()[i], 1e-5 * norms.as<double>()[i]);
    EXPECT_TRUE(outcome.updated);
  }
  run.for_each([&](const Parameter& part, TensorView value) {
    const Distance d = golden.compare("weights_after/" + part.name, value);
    const double bound = is_key_bias(part.name) ? 2.0 * static_cast<double>(steps) * rate *
                                                      std::sqrt(static_cast<double>(value.count()))
                                                : 1e-5 * d.norm;
    EXPECT_LE(d.distance, bound) << part.name;
  });
}

TEST_P(GoldenParity, Bf16IsAsCloseAsPyTorchs) {
  GoldenRun run(GetParam(), DType::bf16);
  const Golden& golden = run.golden();
  const double loss = golden.number("loss_f64");
  // A loss is one number: PyTorch's own distance may be small by luck, bf16's resolution is not.
  EXPECT_NEAR(run.run(0), loss,
              2.0 * std::max(std::abs(golden.number("loss_bf16") - loss), 0x1p-10 * loss));
  run.for_each(
      [&](const Parameter& part, TensorView gradient) {
        const Distance d = golden.compare("gradients/" + part.name, gradient);
        const std::string measure = "gradients/" + measure_of(part.name);
        EXPECT_LE(d.distance, 2.0 * golden.number("distance_bf16", measure)) << part.name;
      },
      run.gradients());
}

INSTANTIATE_TEST_SUITE_P(Families, GoldenParity, testing::Values("gpt", "llama", "llama_tied"),
                         [](const auto& family) { return std::string(family.param); });

}  // namespace
}  // namespace tokenwerk
