/// Tensor-parallel layers against the plain ones: output, input gradient and every weight gradient,
/// in f64, at any number of ranks that divides 24.

#include "parallel/tensor/tensor_parallel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "core/nn/accumulating_sink.h"
#include "core/nn/block.h"
#include "core/ops/elementwise.h"
#include "core/ops/loss.h"
#include "tests/support/mpi_test.h"
#include "tests/support/reference.h"

namespace tokenwerk::test {
namespace {

constexpr Index width = 48, heads = 24, ffn_width = 72, vocabulary = 37, length = 24;
constexpr Index sequences = 2, rows = sequences * length;

/// The tensor axis over all ranks; `kv_heads` decides whether some hold the same head.
struct Axes {
  Axes(TokenLayout layout, Index kv_heads)
      : copies(std::max<Index>(1, world.size() / kv_heads)),
        mesh({.expert = world.size() / copies, .tensor = copies}, world.size()),
        same_head(environment().make_communicator(*world.device, mesh, Axis::tensor)),
        tensor(*world.comm, layout, same_head.get()),
        layers(tensor) {}

  World world;
  Index copies;
  Mesh mesh;
  std::unique_ptr<Communicator> same_head;
  TensorAxis tensor;
  TensorParallel layers;
};

/// Groups with values of a store of their own.
struct Parameters {
  Parameters(Device& device, std::vector<ParameterGroup*> groups)
      : store(device, std::move(groups)),
        gradients(device, DType::f64, Shape{store.size()}),
        sink(store, gradients) {
    fill(*device.make_stream(), gradients, 0.0);
    sink.begin();
  }
  ParameterStore store;
  Tensor gradients;
  AccumulatingSink sink;
};

/// Element (r, c) of a part's box, in an array of the whole parameter.
double& at(TensorView view, Index r, Index c) {
  return view.as<double>()[view.shape.ndim() == 1 ? r : r * view.row_stride + c];
}

/// Calls visit(whole element, element of the box) for all of a part that this rank holds.
void for_box(const Parameter& part, TensorView whole, TensorView mine,
             const std::function<void(double&, double&)>& visit) {
  const bool matrix = part.global_shape.ndim() > 1;
  const Index columns = matrix ? part.box.extent[1] : 1;
  const Index first_column = matrix ? part.box.offset[1] : 0;
  for (Index r = 0; r < part.box.extent[0]; ++r)
    for (Index c = 0; c < columns; ++c)
      visit(at(whole, part.box.offset[0] + r, first_column + c), at(mine, r, c));
}

/// The part of the same name among plain parameters, in the values or the gradients.
TensorView whole_of(const Parameters& plain, TensorView flat, const std::string& name) {
  for (const ParameterGroup* group : plain.store.groups())
    for (const Parameter& part : group->parts)
      if (part.name == name) return ParameterStore::window(flat, *group, part);
  ADD_FAILURE() << name << " is not in the plain layer";
  return {};
}

void copy_values(const Parameters& plain, const Parameters& split, Stream& stream) {
  fill(stream, split.store.values(), 0.0);
  for (const ParameterGroup* group : split.store.groups()) {
    for (const Parameter& part : group->parts)
      for_box(part, whole_of(plain, plain.store.values(), part.name), part.value,
              [](double& from, double& to) { to = from; });
  }
}

void expect_same_gradients(const Parameters& plain, const Parameters& split, Axes& axes) {
  for (const ParameterGroup* group : split.store.groups()) {
    if (group->sum_over_tensor) {
      axes.world.comm->all_reduce(*axes.world.stream,
                                  ParameterStore::window(split.gradients, *group));
    }
    for (const Parameter& part : group->parts) {
      double norm = 0.0, distance = 0.0;
      for_box(part, whole_of(plain, plain.gradients, part.name),
              ParameterStore::window(split.gradients, *group, part), [&](double& want, double& is) {
                norm += want * want;
                distance += (is - want) * (is - want);
              });
      EXPECT_LE(distance, 1e-22 * (1.0 + norm)) << part.name;
    }
  }
}

/// Rows of an array that this rank holds of the residual stream.
Tensor slice_of(const Tensor& whole, Axes& axes) {
  const Rows mine = axes.tensor.rows_here(whole.shape()[0]);
  Tensor slice(whole.device(), whole.dtype(), Shape{mine.count(), whole.shape()[1]});
  convert(*axes.world.stream, slice, whole.view().slice_rows(mine));
  return slice;
}

void expect_slice(const Tensor& slice, const Tensor& whole, Axes& axes, const char* what) {
  const Tensor want = slice_of(whole, axes);
  for (Index i = 0; i < want.shape().count(); ++i) {
    const double value = want.view().as<double>()[i];
    EXPECT_NEAR(slice.view().as<double>()[i], value, 1e-11 * (1.0 + std::abs(value)))
        << what << " element " << i;
  }
}

Run run_of(Stream& stream) { return {.stream = stream, .rows = rows, .rows_per_sequence = length}; }

enum class Weights { at_once, later };

/// y, dx and weight gradients of a layer; x and dy are its slices, or i32 tokens.
struct Pass {
  Pass(Layer& layer, Parameters& parameters, Stream& stream, ConstTensorView x, ConstTensorView dy,
       Weights when) {
    y = Tensor(*dy.device, DType::f64, dy.shape);
    if (x.dtype != DType::i32) dx = Tensor(*dy.device, DType::f64, x.shape);
    Run run = run_of(stream);
    Saved saved;
    layer.forward(run, y, x, saved);
    layer.backward_input(run, dx, dy, x, saved,
                         when == Weights::at_once ? &parameters.sink : nullptr);
    if (when == Weights::later) layer.backward_weight(run, saved, parameters.sink);
  }
  Tensor y, dx;
};

void compare_layers(Axes& axes, Layer& whole, Layer& split, const Tensor& x, Weights when) {
  Device& device = *axes.world.device;
  Stream& stream = *axes.world.stream;
  Parameters plain(device, whole.groups()), parts(device, split.groups());
  fill_random(plain.store.values(), 3, 0.7);
  copy_values(plain, parts, stream);
  const Tensor dy = random_tensor(device, DType::f64, Shape{rows, width}, 5);
  const Pass want(whole, plain, stream, x, dy, Weights::at_once);
  const bool tokens = x.dtype() == DType::i32;
  const Tensor my_x = tokens ? Tensor() : slice_of(x, axes), my_dy = slice_of(dy, axes);
  const Pass is(split, parts, stream, tokens ? ConstTensorView(x) : my_x, my_dy, when);
  expect_slice(is.y, want.y, axes, "y");
  if (!tokens) expect_slice(is.dx, want.dx, axes, "dx");
  expect_same_gradients(plain, parts, axes);
}

void for_layouts(const std::function<void(TokenLayout, Weights)>& body) {
  for (TokenLayout layout : {TokenLayout::whole, TokenLayout::sliced})
    for (Weights when : {Weights::at_once, Weights::later}) body(layout, when);
}

BlockOptions block(MlpKind kind, Index kv_heads, Bias bias, Recompute recompute) {
  const NormKind norm = kind == MlpKind::gelu ? NormKind::layer_norm : NormKind::rms_norm;
  const std::optional<double> theta = kind == MlpKind::gelu ? std::nullopt : std::optional(10000.0);
  return {{norm, "n1", width, 1e-5, DType::f64},
          {.name = "attention",
           .width = width,
           .heads = heads,
           .kv_heads = kv_heads,
           .rope_theta = theta,
           .bias = bias,
           .dtype = DType::f64},
          {norm, "n2", width, 1e-5, DType::f64},
          {.kind = kind,
           .name = "mlp",
           .width = width,
           .ffn_width = ffn_width,
           .bias = bias,
           .dtype = DType::f64},
          recompute};
}

void compare_blocks(const BlockOptions& options) {
  for_layouts([&](TokenLayout layout, Weights when) {
    Axes axes(layout, options.attention.kv_heads);
    Block whole(options), split(options, axes.layers);
    const Tensor x = random_tensor(*axes.world.device, DType::f64, Shape{rows, width}, 4);
    compare_layers(axes, whole, split, x, when);
  });
}

TEST(TensorParallel, AGptBlockEqualsThePlainOne) {
  for (Recompute recompute : {Recompute::none, Recompute::selective, Recompute::full})
    compare_blocks(block(MlpKind::gelu, heads, Bias::present, recompute));
}

TEST(TensorParallel, ALlamaBlockEqualsThePlainOne) {
  compare_blocks(block(MlpKind::swiglu, heads, Bias::absent, Recompute::none));
}

TEST(TensorParallel, RanksShareKvHeadsWhereThereAreFewer) {
  compare_blocks(block(MlpKind::swiglu, 1, Bias::present, Recompute::selective));
  if (environment().size() % 2 == 0 || environment().size() == 1)
    compare_blocks(block(MlpKind::swiglu, 2, Bias::present, Recompute::none));
}

VocabularyTable table(const LayerFactory& layers, Index ranks) {
  const Index unit = std::lcm(Index{8}, ranks);
  return {.name = "tokens",
          .vocabulary = vocabulary,
          .rows = layers.share((vocabulary + unit - 1) / unit * unit),
          .width = width,
          .dtype = DType::f64};
}

Tensor token_array(Device& device, std::uint64_t seed) {
  Tensor tokens(device, DType::i32, Shape{rows});
  for (Index i = 0; i < rows; ++i) {
    tokens.view().as<std::int32_t>()[i] =
        static_cast<std::int32_t>(mix(seed + static_cast<std::uint64_t>(i)) % vocabulary);
  }
  return tokens;
}

TEST(TensorParallel, TheEmbeddingEqualsThePlainOne) {
  for_layouts([&](TokenLayout layout, Weights when) {
    Axes axes(layout, heads);
    const auto split = axes.layers.embedding(
        {.tokens = table(axes.layers, axes.world.size()), .positions = length});
    Embedding whole({.tokens = table({}, 1), .positions = length});
    compare_layers(axes, whole, *split, token_array(*axes.world.device, 1), when);
  });
}

TEST(TensorParallel, TheLossHeadEqualsThePlainOne) {
  for (TokenLayout layout : {TokenLayout::whole, TokenLayout::sliced}) {
    Axes axes(layout, heads);
    Device& device = *axes.world.device;
    Stream& stream = *axes.world.stream;
    ParameterGroup whole = make_group(table({}, 1));
    ParameterGroup part = make_group(table(axes.layers, axes.world.size()));
    Parameters plain(device, {&whole}), split(device, {&part});
    fill_random(plain.store.values(), 3, 0.7);
    fill(stream, plain.store.values().slice_columns(vocabulary * width, 3 * width), 0.0);
    copy_values(plain, split, stream);
    const Tensor x = random_tensor(device, DType::f64, Shape{rows, width}, 4);
    const Tensor my_x = slice_of(x, axes);
    const Tensor targets = token_array(device, 2);
    targets.view().as<std::int32_t>()[3] = masked_target;

    struct Result {
      Tensor loss, lse, dx;
    };
    const auto pass = [&](const LossHead& head, Parameters& parameters, const Tensor& input) {
      Result out{{device, DType::f64, Shape{rows}},
                 {device, DType::f64, Shape{rows}},
                 {device, DType::f64, input.shape()}};
      tokenwerk::Run run = run_of(stream);
      head.forward(run, out.loss, out.lse, input, targets);
      head.backward(run, out.dx, parameters.sink, input, targets, out.lse, 0.25);
      return out;
    };
    const Result want = pass(PlainLossHead(whole, vocabulary), plain, x);
    const Result is = pass(*axes.layers.loss_head(part, vocabulary), split, my_x);
    for (Index i = 0; i < rows; ++i) {
      EXPECT_NEAR(is.loss.view().as<double>()[i], want.loss.view().as<double>()[i], 1e-12);
      EXPECT_NEAR(is.lse.view().as<double>()[i], want.lse.view().as<double>()[i], 1e-12);
    }
    expect_slice(is.dx, want.dx, axes, "dx");
    expect_same_gradients(plain, split, axes);
  }
}

TEST(TensorParallel, RefusesWhatDoesNotDivide) {
  Axes axes(TokenLayout::sliced, heads);
  if (axes.world.size() == 1) return;
  EXPECT_THROW((void)axes.tensor.share(axes.world.size() + 1), ShapeError);
  EXPECT_THROW((void)axes.tensor.rows_here(2 * axes.world.size() + 1), ShapeError);
}

}  // namespace
}  // namespace tokenwerk::test
