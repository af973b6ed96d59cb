#include "models/generator.h"

#include "core/ops/elementwise.h"
#include "models/pass.h"

namespace tokenwerk {

Generator::Generator(Stream& stream, Model& model)
    : stream_(&stream),
      model_(&model),
      cache_(model.device(), model.dtype(), model.config().layers, 1,
             model.config().sequence_length,
             model.config().width / model.config().heads * model.config().kv_heads) {}

std::span<const float> Generator::advance(std::span<const std::int32_t> tokens) {
  const auto rows = static_cast<Index>(tokens.size());
  TW_CHECK(rows > 0 && rows <= room(), rows, " tokens do not fit: there is room for ", room());
  Device& device = model_->device();
  Tensor input(device, DType::i32, Shape{rows});
  device.copy_from_host(*stream_, input.view().data, tokens.data(), input.bytes());

  Tensor features(device, model_->dtype(), Shape{rows, model_->config().width});
  Run run{.stream = *stream_,
          .mode = Mode::evaluate,
          .rows = rows,
          .rows_per_sequence = rows,
          .token_offset = length_,
          .cache = &cache_};
  forward_features(run, *model_, features, input);
  length_ += rows;

  const LossHead& head = model_->head();
  Tensor logits(device, DType::f32, Shape{1, head.columns()});
  head.logits(run, logits, features.view().slice_rows({rows - 1, rows}));
  logits_.resize(static_cast<std::size_t>(model_->config().vocabulary));
  device.copy_to_host(*stream_, logits_.data(), logits.view().data, logits_.size() * sizeof(float));
  stream_->synchronize();
  return logits_;
}

}  // namespace tokenwerk
