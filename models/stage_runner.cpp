#include "models/stage_runner.h"

#include "core/ops/elementwise.h"

namespace tokenwerk {

StageRunner::StageRunner(Stream& stream, const Model& model, GradientSink* sink,
                         WeightObserver* observer)
    : stream_(&stream), model_(&model), sink_(sink), observer_(observer) {}

void StageRunner::begin(StageInputs inputs) {
  const Index length = model_->config().sequence_length;
  TW_CHECK_AS(ShapeError, inputs.rows > 0 && inputs.rows % length == 0, "a micro-batch of ",
              inputs.rows, " tokens is no whole number of sequences of ", length);
  flights_.clear();
  inputs_ = std::move(inputs);
}

Run StageRunner::run_of(Index microbatch, Mode mode) const {
  const Index length = model_->config().sequence_length;
  return {.stream = *stream_,
          .mode = mode,
          .rows = inputs_.rows,
          .rows_per_sequence = length,
          .first_sequence = inputs_.first_sequence + microbatch * (inputs_.rows / length),
          .order = inputs_.order};
}

Tensor StageRunner::message() const {
  return {model_->device(), model_->dtype(), Shape{inputs_.rows_here, model_->config().width}};
}

StageRunner::Flight StageRunner::start(const Stage& stage, Index microbatch, ConstTensorView x) {
  Flight flight;
  if (stage.first || stage.head) flight.batch = inputs_.read(microbatch);
  flight.x = stage.first ? flight.batch.tokens : x;
  flight.saved.resize(stage.layers.size());
  return flight;
}

template <typename Body>
void StageRunner::with_weights(Index unit, Direction direction, const Body& body) {
  if (observer_ != nullptr) observer_->before(unit, direction);
  body();
  if (observer_ != nullptr) observer_->after(unit, direction);
}

Tensor StageRunner::head_forward(const Stage& stage, Run& run, const Flight& flight,
                                 ConstTensorView x) {
  const DType type = accumulation_type(x.dtype);
  const Tensor loss(*x.device, type,
                    Shape{run.rows / run.rows_per_sequence, run.rows_per_sequence});
  Tensor lse(*x.device, type, Shape{run.rows});
  with_weights(stage.first_unit + stage.units() - 1, Direction::forward, [&] {
    stage.head->forward(run, loss.reshaped(Shape{run.rows}), lse, x, flight.batch.targets);
  });
  const Tensor sequences(*x.device, DType::f64, Shape{loss.shape()[0]});
  row_sums(run.stream, sequences, loss);
  exact_add(run.stream, inputs_.loss_sum, sequences);
  return lse;
}

void StageRunner::forward(Index index, Index microbatch, TensorView y, ConstTensorView x) {
  const Stage& stage = model_->stage(index);
  if (inputs_.mode == Mode::evaluate) return evaluate(stage, microbatch, y, x);
  Flight& flight = flights_[{index, microbatch}] = start(stage, microbatch, x);
  Run run = run_of(microbatch, Mode::train);
  ConstTensorView input = flight.x;
  for (std::size_t i = 0; i < stage.layers.size(); ++i) {
    const bool last = i + 1 == stage.layers.size() && !stage.head;
    if (!last) flight.outputs.push_back(message());
    const TensorView output = last ? y : flight.outputs.back().view();
    with_weights(stage.first_unit + static_cast<Index>(i), Direction::forward,
                 [&] { stage.layers[i]->forward(run, output, input, flight.saved[i]); });
    input = output;
  }
  if (stage.head) flight.lse = head_forward(stage, run, flight, input);
}

void StageRunner::evaluate(const Stage& stage, Index microbatch, TensorView y, ConstTensorView x) {
  const Flight flight = start(stage, microbatch, x);
  Run run = run_of(microbatch, Mode::evaluate);
  Tensor kept;
  ConstTensorView input = flight.x;
  for (std::size_t i = 0; i < stage.layers.size(); ++i) {
    const bool last = i + 1 == stage.layers.size() && !stage.head;
    Tensor next;
    if (!last) next = message();
    const TensorView output = last ? y : next.view();
    Saved saved;
    with_weights(stage.first_unit + static_cast<Index>(i), Direction::forward,
                 [&] { stage.layers[i]->forward(run, output, input, saved); });
    kept = std::move(next);
    input = output;
  }
  if (stage.head) (void)head_forward(stage, run, flight, input);
}

Tensor StageRunner::head_backward(const Stage& stage, Run& run, Flight& flight) {
  Tensor dx = message();
  const Index unit = run.unit = stage.first_unit + stage.units() - 1;
  with_weights(unit, Direction::backward, [&] {
    stage.head->backward(run, dx, *sink_, flight.outputs.back(), flight.batch.targets, flight.lse,
                         inputs_.scale);
  });
  if (observer_ != nullptr) observer_->gradients_added(unit);
  flight.outputs.back() = Tensor();
  flight.lse = Tensor();
  return dx;
}

void StageRunner::backward(Index index, Index microbatch, TensorView dx, ConstTensorView dy,
                           WeightGradients when) {
  const Stage& stage = model_->stage(index);
  Flight& flight = flights_.at({index, microbatch});
  Run run = run_of(microbatch, Mode::train);
  GradientSink* sink = when == WeightGradients::at_once ? sink_ : nullptr;
  flight.gradients.resize(stage.layers.size());
  Tensor gradient;  // dy of the layer at hand, where it is not the caller's
  if (stage.head) dy = gradient = head_backward(stage, run, flight);
  for (std::size_t i = stage.layers.size(); i-- > 0;) {
    const Index unit = run.unit = stage.first_unit + static_cast<Index>(i);
    const ConstTensorView input = i == 0 ? flight.x : ConstTensorView(flight.outputs[i - 1]);
    Tensor next;
    if (i > 0) next = message();
    const auto body = [&] {
      stage.layers[i]->backward_input(run, i == 0 ? dx : next.view(), dy, input, flight.saved[i],
                                      sink);
    };
    if (stage.first && i == 0) {
      body();  // the embedding's backward reads no weights
    } else {
      with_weights(unit, Direction::backward, body);
    }
    if (sink != nullptr) {
      if (observer_ != nullptr) observer_->gradients_added(unit);
      if (i > 0) flight.outputs[i - 1] = Tensor();
    } else {
      flight.gradients[i] = std::move(gradient);
    }
    gradient = std::move(next);
    dy = gradient;
  }
  if (sink != nullptr) flights_.erase({index, microbatch});
}

void StageRunner::backward_weight(Index index, Index microbatch) {
  const Stage& stage = model_->stage(index);
  Flight& flight = flights_.at({index, microbatch});
  Run run = run_of(microbatch, Mode::train);
  for (std::size_t i = stage.layers.size(); i-- > 0;) {
    run.unit = stage.first_unit + static_cast<Index>(i);
    stage.layers[i]->backward_weight(run, flight.saved[i], *sink_);
    flight.gradients[i] = Tensor();
    if (i > 0) flight.outputs[i - 1] = Tensor();
    if (observer_ != nullptr) observer_->gradients_added(run.unit);
  }
  flights_.erase({index, microbatch});
}

}  // namespace tokenwerk
