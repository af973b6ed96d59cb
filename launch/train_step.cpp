#include "launch/train_step.h"

#include <algorithm>
#include <array>

#include "core/ops/elementwise.h"

namespace tokenwerk {
namespace {

/// What is read before and after each unit: the neighbours within its stage. The embedding's
/// backward reads nothing.
std::vector<UnitOrder> unit_orders(const Model& model) {
  std::vector<UnitOrder> orders(model.units().size());
  for (const Stage& stage : model.stages()) {
    for (Index i = 0; i < stage.units(); ++i) {
      UnitOrder& order = orders[static_cast<std::size_t>(stage.first_unit + i)];
      if (i + 1 < stage.units()) order.forward = stage.first_unit + i + 1;
      if (i > (stage.first ? 1 : 0)) order.backward = stage.first_unit + i - 1;
    }
  }
  return orders;
}

}  // namespace

void TrainStep::Observer::before(Index unit, Direction direction) {
  step_->values_.before(*step_->stream_, unit, direction);
}

void TrainStep::Observer::after(Index unit, Direction) { step_->values_.after(unit); }

void TrainStep::Observer::gradients_added(Index unit) {
  step_->gradients_->added(*step_->stream_, unit);
}

TrainStep::TrainStep(Stream& stream, Model& model, Parallelism& parallelism, const AdamW& options,
                     TraceRecorder* trace)
    : stream_(&stream),
      model_(&model),
      parallelism_(&parallelism),
      trace_(trace),
      gradients_(
          make_gradient_sync({parallelism.zero(), parallelism.order(), parallelism.global_batch()},
                             stream, parallelism.data_axes(), model.parameters(), model.units())),
      values_(*parallelism.data_axes().shard, model.parameters(), model.units(), unit_orders(model),
              parallelism.gathered()),
      optimizer_(stream.device(), stream, model.parameters(), options),
      sums_(stream.device(), DType::f64, Shape{sums, ExactSum::stored}),
      observer_(*this),
      runner_(stream, model, &gradients_->sink(), &observer_),
      pipeline_(parallelism.schedule(), parallelism.pipeline(), trace) {}

TensorView TrainStep::sum_at(Sum which) const {
  return elements_of(sums_.view(), {which * ExactSum::stored, (which + 1) * ExactSum::stored});
}

StageInputs TrainStep::inputs(const StepBatches& batches, Mode mode) const {
  return {.rows = batches.rows,
          .rows_here = parallelism_->tensor().rows_here(batches.rows).count(),
          .read = batches.read,
          .loss_sum = sum_at(loss_sum),
          .scale = batches.scale * batches.gradient_factor,
          .mode = mode,
          .order = parallelism_->order(),
          .first_sequence = batches.first_sequence};
}

StepResult TrainStep::run(const StepSettings& settings, const StepBatches& batches,
                          const std::function<void()>& before_update) {
  fill(*stream_, sums_, 0.0);
  gradients_->begin(pipeline_.schedule().microbatches);
  runner_.begin(inputs(batches, Mode::train));
  pipeline_.run(*stream_, runner_);
  {
    const TraceSpan span(trace_, "gradients", "last gradient sums");
    gradients_->finish(*stream_);
    join_tied_gradients();
  }
  before_update();
  update(settings, batches.scale);

  const StepOutcome outcome = optimizer_.outcome(*stream_);
  const double loss = total_on_host(*stream_, sum_at(loss_sum)) * batches.scale;
  return {loss, outcome.gradient_norm, outcome.updated};
}

void TrainStep::update(const StepSettings& settings, double loss_scale) {
  const TraceSpan span(trace_, "compute", "optimizer");
  const ShardGradient shard = [this](const ParameterGroup& group) {
    return gradients_->shard(group);
  };
  const Index tiles = parallelism_->order() == SumOrder::fixed ? Matmul::most_chunks : 1;
  optimizer_.add_squares(*stream_, sum_at(squares_sum), shard, tiles);
  reduce_sums();
  const Tensor squared_norm(stream_->device(), DType::f64, Shape{1});
  exact_total(*stream_, squared_norm, sum_at(squares_sum));
  const Tensor loss(stream_->device(), DType::f64, Shape{1});
  exact_total(*stream_, loss, sum_at(loss_sum));
  scale(*stream_, loss, loss_scale);
  optimizer_.step(*stream_, shard, squared_norm, loss, settings);
  if (parallelism_->zero() > 0) values_.updated(*stream_);
}

void TrainStep::join_tied_gradients() {
  const ParameterGroup* tied = model_->tied_across_ranks();
  if (tied == nullptr) return;
  const std::vector<int>& ranks = parallelism_->schedule().rank_of_stage;
  Communicator& pipeline = parallelism_->pipeline();
  const int peer = pipeline.rank() == ranks.front() ? ranks.back() : ranks.front();
  const TensorView mine = gradients_->shard(*tied);
  const Tensor theirs(stream_->device(), mine.dtype, mine.shape);
  pipeline.exchange(*stream_, {mine, peer, theirs, peer});
  add(*stream_, mine, mine, theirs);
}

void TrainStep::reduce_sums() {
  // Of ranks that hold the same losses or the same shards, one counts.
  const MeshCoordinates& here = parallelism_->here();
  if (here.tensor != 0) fill(*stream_, sum_at(loss_sum), 0.0);
  if (here.replicate != 0) fill(*stream_, sum_at(squares_sum), 0.0);
  parallelism_->world().all_reduce(*stream_, sums_);
}

double TrainStep::differentiate(const StepBatches& batches, GradientSink& sink) {
  fill(*stream_, sums_, 0.0);
  ValueObserver observer(*this);
  StageRunner runner(*stream_, *model_, &sink, &observer);
  runner.begin(inputs(batches, Mode::train));
  PipelineInterpreter(parallelism_->single_schedule(), parallelism_->pipeline())
      .run(*stream_, runner);
  return total_on_host(*stream_, sum_at(loss_sum));
}

double TrainStep::evaluate(const EvaluationBatches& batches) {
  fill(*stream_, sums_, 0.0);
  // A few micro-batches at a time: what the stages give each other lives until the end of each.
  const Index most = 2 * parallelism_->mesh().shape().pipeline;
  for (Index first = 0; first < batches.count; first += most) {
    const auto read = [&](Index i) { return batches.read(first + i); };
    runner_.begin(inputs({batches.rows, read}, Mode::evaluate));
    PipelineInterpreter forward(
        parallelism_->forward_schedule(std::min(most, batches.count - first)),
        parallelism_->pipeline());
    forward.run(*stream_, runner_);
  }
  reduce_sums();
  return total_on_host(*stream_, sum_at(loss_sum));
}

void TrainStep::wait_for_weights() { values_.wait(*stream_); }

}  // namespace tokenwerk
