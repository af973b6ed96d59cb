#include "core/optimizer/adamw_optimizer.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/ops/elementwise.h"

namespace tokenwerk {
namespace {

/// The elements as one dense row.
TensorView row_of(TensorView view) {
  view.shape = Shape{view.count()};
  view.row_stride = view.count();
  return view;
}

}  // namespace

AdamWOptimizer::AdamWOptimizer(Device& device, Stream& stream, const ParameterStore& store,
                               AdamW options)
    : store_(&store), options_(options) {
  const DType state = accumulation_type(store.dtype());
  const Shape shape{store.shard_size()};
  m_ = Tensor(device, state, shape);
  v_ = Tensor(device, state, shape);
  fill(stream, m_, 0.0);
  fill(stream, v_, 0.0);
  if (state != store.dtype()) {
    master_ = Tensor(device, state, shape);
    fill(stream, master_, 0.0);
    take_master(stream);
  }
  scalars_ = Tensor(device, DType::f64, Shape{step_scalar_count});
}

void AdamWOptimizer::take_master(Stream& stream) const {
  if (!master_) return;
  for (const ParameterGroup* group : store_->groups()) {
    convert(stream, ParameterStore::shard_window(master_, *group), store_->shard_values(*group));
  }
}

void AdamWOptimizer::add_squares(Stream& stream, TensorView sum, const ShardGradient& gradient,
                                 Index tiles) const {
  for (const ParameterPiece& piece : store_->pieces()) {
    if (!piece.counted) continue;
    const TensorView values = ParameterStore::inside_shard(gradient(*piece.group), piece);
    const Index here = tiles * values.columns() / piece.part->global_shape.columns();
    const Tensor squares(stream.device(), DType::f64,
                         Shape{values.rows(), std::max<Index>(1, here)});
    squared_norm_tiles(stream, squares, values);
    exact_add(stream, sum, squares);
  }
}

void AdamWOptimizer::step(Stream& stream, const ShardGradient& gradient,
                          ConstTensorView squared_norm, ConstTensorView loss,
                          const StepSettings& settings) {
  std::array<double, step_scalar_count> scalars{};
  const auto at = [&](StepScalar s) -> double& { return scalars[static_cast<std::size_t>(s)]; };
  const auto exponent = static_cast<double>(settings.step);
  at(StepScalar::learning_rate) = settings.learning_rate;
  at(StepScalar::correction1) = 1.0 - std::pow(options_.beta1, exponent);
  at(StepScalar::correction2) = 1.0 - std::pow(options_.beta2, exponent);
  Device& device = scalars_.device();
  device.copy_from_host(stream, scalars_.view().data, scalars.data(), scalars_.bytes());
  clip_by_norm(stream, scalars_, squared_norm, loss,
               {.clip = settings.clip, .norm = settings.most_norm, .loss = settings.most_loss});
  for (const ParameterGroup* group : store_->groups()) {
    const auto state = [&](TensorView flat) {
      return flat ? row_of(ParameterStore::shard_window(flat, *group)) : TensorView{};
    };
    AdamW options = options_;
    if (!group->decays()) options.weight_decay = 0.0;
    adamw(stream, row_of(store_->shard_values(*group)), state(master_), state(m_), state(v_),
          row_of(gradient(*group)), scalars_, options);
  }
}

void AdamWOptimizer::step(Stream& stream, TensorView gradients, const StepSettings& settings) {
  TW_CHECK_AS(ShapeError, store_->sharding().size == 1 && gradients.count() == store_->size(),
              gradients.count(), " gradients of ", store_->size(), ", on one of ",
              store_->sharding().size, " shards");
  const ShardGradient window = [&](const ParameterGroup& group) {
    return ParameterStore::window(gradients, group);
  };
  const Tensor squares(scalars_.device(), DType::f64, Shape{ExactSum::stored});
  const Tensor norm(scalars_.device(), DType::f64, Shape{1});
  fill(stream, squares, 0.0);
  add_squares(stream, squares, window, 1);
  exact_total(stream, norm, squares);
  step(stream, window, norm, {}, settings);
}

StepOutcome AdamWOptimizer::outcome(Stream& stream) const {
  std::array<double, step_scalar_count> scalars{};
  scalars_.device().copy_to_host(stream, scalars.data(), scalars_.view().data, scalars_.bytes());
  stream.synchronize();
  return {scalars[static_cast<std::size_t>(StepScalar::gradient_norm)],
          scalars[static_cast<std::size_t>(StepScalar::accepted)] != 0.0};
}

}  // namespace tokenwerk
