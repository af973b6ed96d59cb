/// Data parallelism by hand. Every rank holds the whole model and sees its rows of each batch; a
/// gradient is summed over the ranks as soon as backward has made it, while backward goes on. The
/// losses are those of one rank that sees whole batches.

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "core/nn/accumulating_sink.h"
#include "core/nn/mlp.h"
#include "core/ops/elementwise.h"
#include "core/ops/loss.h"
#include "core/ops/random.h"
#include "core/optimizer/adamw_optimizer.h"
#include "parallel/comm/control.h"
#include "parallel/comm/program.h"
#include "parallel/data/gradient_reducer.h"

using namespace tokenwerk;

namespace {

constexpr Index batch = 64, width = 16, steps = 40;

/// Gives each gradient to the reducer once it is there. The layers know of no other rank.
class SummedGradients final : public GradientSink {
 public:
  SummedGradients(Communicator& data, const ParameterStore& store, TensorView gradients)
      : sink_(store, gradients),
        reducer_(data, store, gradients, {.bucket_bytes = 4096}) {}  // one for each small weight

  void begin() { sink_.begin(); }
  void add(const Run& run, const ParameterGroup& group, Index rows, const Product& dw) override {
    sink_.add(run, group, rows, dw);
    reducer_.mark_ready(run.stream, group);
  }
  void finish(Stream& stream) { reducer_.finish(stream); }

 private:
  AccumulatingSink sink_;
  GradientReducer reducer_;
};

/// Random numbers, and in which column of each row the largest one is: what is to be learned. Both
/// are functions of step and row, so that any rank can make any rows of the batch.
void make_rows(Stream& stream, TensorView x, TensorView largest, Index step, Index first_row) {
  fill_normal(stream, x, {.seed = static_cast<std::uint64_t>(step), .row_offset = first_row});
  for (Index row = 0; row < x.rows(); ++row) {
    std::int32_t& most = largest.at<std::int32_t>(0, row) = 0;
    for (std::int32_t column = 1; column < width; ++column)
      if (x.at<float>(row, column) > x.at<float>(row, most)) most = column;
  }
}

/// Forward and backward of some rows: their summand of the whole batch's mean loss.
double pass(Run& run, Mlp& mlp, GradientSink& sink, Index step, Index first_row) {
  Device& device = run.stream.device();
  const Shape shape{run.rows, width};
  const Tensor x(device, DType::f32, shape), logits(device, DType::f32, shape);
  const Tensor dx(device, DType::f32, shape), largest(device, DType::i32, {run.rows});
  const Tensor loss(device, DType::f32, {run.rows}), lse(device, DType::f32, {run.rows});
  const Tensor total(device, DType::f64, {1});
  make_rows(run.stream, x, largest, step, first_row);
  Saved saved;
  mlp.forward(run, logits, x, saved);
  cross_entropy_forward(run.stream, loss, lse, logits, largest, width);
  row_sums(run.stream, total, loss);
  cross_entropy_backward(run.stream, logits, logits, lse, largest, width, 1.0 / batch);
  mlp.backward_input(run, dx, logits, x, saved, &sink);
  run.stream.synchronize();
  return total.view().at<double>(0, 0) / batch;
}

/// The loss of every step, made by all ranks of the communicator.
std::vector<double> train(Communicator& data) {
  const Index rows = batch / data.size();
  TW_CHECK(rows * data.size() == batch, batch, " rows do not divide by ", data.size(), " ranks");
  Device& device = data.device();
  const auto stream = device.make_stream();
  Run run{.stream = *stream, .rows = rows, .rows_per_sequence = 1};
  Mlp mlp({.name = "mlp", .width = width, .ffn_width = 4 * width, .deviation = 0.2});
  const ParameterStore store(device, mlp.groups());
  store.initialise(*stream, 1);
  const Tensor gradients(device, DType::f32, {store.size()});
  fill(*stream, gradients, 0.0);
  SummedGradients sink(data, store, gradients);
  AdamWOptimizer optimizer(device, *stream, store, {});

  std::vector<double> losses;
  for (Index step = 1; step <= steps; ++step) {
    sink.begin();
    const double loss = pass(run, mlp, sink, step, data.rank() * rows);
    sink.finish(*stream);
    optimizer.step(*stream, gradients, {.step = step, .learning_rate = 0.01});
    losses.push_back(all_reduce(data, loss));
  }
  return losses;
}

int compare(MpiEnvironment& environment) {
  const auto device = make_device(DeviceKind::cpu);
  const Mesh mesh({.replicate = environment.size()}, environment.size());
  const auto together = train(*environment.make_communicator(*device, mesh, Axis::data));
  const auto alone = train(*environment.make_communicator(*device, mesh, Axis::tensor));  // size 1
  if (environment.rank() != 0) return 0;
  double most = 0.0;
  fmt::print("step   loss of {} ranks   of one\n", environment.size());
  for (std::size_t i = 0; i < together.size(); ++i) {
    most = std::max(most, std::abs(together[i] / alone[i] - 1.0));
    if (i % 8 == 7) fmt::print("{:4} {:17.3f} {:8.3f}\n", i + 1, together[i], alone[i]);
  }
  fmt::print("equal within 1e-5: {}\n", most <= 1e-5 ? "yes" : "no");
  return 0;
}

}  // namespace

int main() { return run_program(compare); }
