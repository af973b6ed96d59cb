#include "launch/train_step.h"

#include <cmath>

#include "core/ops/elementwise.h"

namespace tokenwerk {
namespace {

Tensor zeros(Stream& stream, DType dtype, Index count) {
  Tensor tensor(stream.device(), dtype, Shape{count});
  fill(stream, tensor, 0.0);  // the gaps between groups stay zero
  return tensor;
}

}  // namespace

TrainStep::TrainStep(Stream& stream, Model& model, Communicator& data, const AdamW& options)
    : stream_(&stream),
      model_(&model),
      data_(&data),
      gradients_(zeros(stream, accumulation_type(model.dtype()), model.parameters().size())),
      loss_sum_(zeros(stream, DType::f64, 1)),
      sink_(model.parameters(), gradients_),
      optimizer_(stream.device(), stream, model.parameters(), options),
      reducer_(data, gradients_, units()) {}

ElementRange TrainStep::range_of(const ParameterGroup& group) const {
  const auto& groups = model_->parameters().groups();
  const auto next = static_cast<std::size_t>(group.index) + 1;
  return {group.offset, next < groups.size() ? groups[next]->offset : model_->parameters().size()};
}

std::vector<ElementRange> TrainStep::units() const {
  std::vector<ElementRange> units;
  for (std::size_t layer = model_->layers().size() + 1; layer-- > 0;) {
    std::vector<ElementRange> of_layer;
    model_->for_each_final_group(
        layer, [&](const ParameterGroup& group) { of_layer.push_back(range_of(group)); });
    units.insert(units.end(), of_layer.rbegin(), of_layer.rend());  // from the end of the buffer
  }
  return units;
}

StepResult TrainStep::run(const StepSettings& settings, const StepBatches& batches) {
  fill(*stream_, loss_sum_, 0.0);
  reducer_.reset_seconds();
  sink_.begin();
  for (Index i = 0; i < batches.count; ++i) {
    const bool last = i + 1 == batches.count;
    forward_backward(*stream_, *model_, batches.read(i), sink_, loss_sum_, batches.scale,
                     [&](std::size_t layer) {
                       if (!last) return;
                       model_->for_each_final_group(layer, [&](const ParameterGroup& group) {
                         reducer_.mark_ready(*stream_, range_of(group));
                       });
                     });
  }
  reducer_.finish(*stream_);
  optimizer_.step(*stream_, gradients_, settings);
  data_->all_reduce(*stream_, loss_sum_);

  const StepOutcome outcome = optimizer_.outcome(*stream_);
  double sum = 0.0;
  stream_->device().copy_to_host(*stream_, &sum, loss_sum_.view().data, sizeof sum);
  stream_->synchronize();
  const double loss = sum * batches.scale;
  return {loss, outcome.gradient_norm, outcome.finite && std::isfinite(loss),
          reducer_.exposed_seconds()};
}

}  // namespace tokenwerk
