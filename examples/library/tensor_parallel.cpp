/// Tensor parallelism: a feed-forward layer split over the ranks, beside the same layer on one
/// rank. What a layer computes is written once (core/nn/mlp.h); the factory says how it is split.
/// Initial weights are functions of name and place in the whole array, so that both layers have the
/// same.

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "core/nn/accumulating_sink.h"
#include "core/nn/mlp.h"
#include "core/ops/elementwise.h"
#include "core/ops/random.h"
#include "parallel/checkpoint/box.h"
#include "parallel/comm/control.h"
#include "parallel/comm/program.h"
#include "parallel/tensor/tensor_parallel.h"

using namespace tokenwerk;

namespace {

constexpr Index tokens = 8, width = 16;

/// An array of random numbers, the same on every rank.
Tensor random(Stream& stream, const char* name) {
  Tensor x(stream.device(), DType::f32, {tokens, width});
  fill_normal(stream, x, {.stream = hash_of(name)});
  return x;
}

/// A layer with its weights, and what one forward and backward make of x and dy.
struct Pass {
  Pass(Stream& stream, const LayerFactory& layers, ConstTensorView x, ConstTensorView dy)
      : mlp({.name = "mlp", .width = width, .ffn_width = 4 * width, .deviation = 0.2}, layers),
        store(stream.device(), mlp.groups()),
        gradients(stream.device(), DType::f32, {store.size()}),
        y(stream.device(), DType::f32, x.shape),
        dx(stream.device(), DType::f32, x.shape) {
    store.initialise(stream, 1);
    AccumulatingSink sink(store, gradients);
    sink.begin();
    Run run{.stream = stream, .rows = tokens, .rows_per_sequence = tokens};
    Saved saved;
    mlp.forward(run, y, x, saved);
    mlp.backward_input(run, dx, dy, x, saved, &sink);
    stream.synchronize();
  }
  Mlp mlp;
  ParameterStore store;
  Tensor gradients, y, dx;
};

/// The largest |a - b|.
double distance(ConstTensorView a, ConstTensorView b) {
  double most = 0.0;
  for (Index row = 0; row < a.rows(); ++row)
    for (Index column = 0; column < a.columns(); ++column)
      most = std::max<double>(most, std::abs(a.at<float>(row, column) - b.at<float>(row, column)));
  return most;
}

/// The same of the weight gradients: of the whole ones, what this rank holds of them.
double gradient_distance(const Pass& split, const Pass& whole) {
  double most = 0.0;
  for (std::size_t i = 0; i < split.store.pieces().size(); ++i) {
    const ParameterPiece& mine = split.store.pieces()[i];
    const TensorView all = ParameterStore::window(whole.gradients, whole.store.pieces()[i]);
    most = std::max(most,
                    distance(ParameterStore::window(split.gradients, mine), all.slice(mine.box)));
  }
  return most;
}

/// What every rank holds of each weight.
void print_shards(Communicator& tensor, const ParameterStore& store) {
  std::string mine;
  for (const ParameterPiece& piece : store.pieces())
    mine += fmt::format("  {} {}", piece.part->name, text_of(piece.box));
  const std::vector<std::string> shards = gather_strings(tensor, mine);
  for (std::size_t rank = 0; tensor.rank() == 0 && rank < shards.size(); ++rank)
    fmt::print("rank {}:{}\n", rank, shards[rank]);
}

int compare(MpiEnvironment& environment) {
  const auto device = make_device(DeviceKind::cpu);
  const auto stream = device->make_stream();
  const Mesh mesh({.tensor = environment.size()}, environment.size());
  const auto tensor = environment.make_communicator(*device, mesh, Axis::tensor);
  const Tensor x = random(*stream, "x"), dy = random(*stream, "dy");
  const Pass whole(*stream, LayerFactory(), x, dy);

  for (const TokenLayout layout : {TokenLayout::whole, TokenLayout::sliced}) {
    TensorAxis axis(*tensor, layout);
    const Rows rows = axis.rows_here(tokens);
    const Pass split(*stream, TensorParallel(axis), x.view().slice_rows(rows),
                     dy.view().slice_rows(rows));
    if (!axis.sliced()) print_shards(*tensor, split.store);
    const double mine = std::max({distance(split.y, whole.y.view().slice_rows(rows)),
                                  distance(split.dx, whole.dx.view().slice_rows(rows)),
                                  gradient_distance(split, whole)});
    const double most = all_reduce(*tensor, mine, Reduction::max);
    if (tensor->rank() == 0)
      fmt::print("{} of {} tokens on each rank: y, dx and dw equal within 1e-5: {}\n", rows.count(),
                 tokens, most <= 1e-5 ? "yes" : "no");
  }
  return 0;
}

}  // namespace

int main() { return run_program(compare); }
