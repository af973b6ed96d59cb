#include "core/optimizer/adamw_optimizer.h"

#include <array>
#include <cmath>

#include "core/ops/elementwise.h"

namespace tokenwerk {
namespace {

/// The group's elements as one dense row.
template <typename View>
View row_of(View view) {
  view.shape = Shape{view.count()};
  view.row_stride = view.count();
  return view;
}

}  // namespace

AdamWOptimizer::AdamWOptimizer(Device& device, Stream& stream, const ParameterStore& store,
                               AdamW options)
    : store_(&store), options_(options) {
  const DType state = accumulation_type(store.dtype());
  const Shape shape{store.size()};
  m_ = Tensor(device, state, shape);
  v_ = Tensor(device, state, shape);
  fill(stream, m_, 0.0);
  fill(stream, v_, 0.0);
  if (state != store.dtype()) {
    master_ = Tensor(device, state, shape);
    take_master(stream);
  }
  scalars_ = Tensor(device, DType::f64, Shape{step_scalar_count});
  squared_norm_ = Tensor(device, DType::f64, Shape{1});
}

void AdamWOptimizer::take_master(Stream& stream) const {
  if (master_) convert(stream, master_, store_->values());
}

void AdamWOptimizer::round_master(Stream& stream) const {
  if (master_) convert(stream, store_->values(), master_);
}

void AdamWOptimizer::step(Stream& stream, ConstTensorView gradients, const StepSettings& settings) {
  std::array<double, step_scalar_count> scalars{};
  const auto at = [&](StepScalar s) -> double& { return scalars[static_cast<std::size_t>(s)]; };
  const auto exponent = static_cast<double>(settings.step);
  at(StepScalar::learning_rate) = settings.learning_rate;
  at(StepScalar::correction1) = 1.0 - std::pow(options_.beta1, exponent);
  at(StepScalar::correction2) = 1.0 - std::pow(options_.beta2, exponent);
  Device& device = scalars_.device();
  device.copy_from_host(stream, scalars_.view().data, scalars.data(), scalars_.bytes());

  TensorView flat{const_cast<void*>(gradients.data), gradients.shape, gradients.row_stride,
                  gradients.dtype, gradients.device};
  Write write = Write::overwrite;
  for (const ParameterGroup* group : store_->groups()) {
    squared_norm(stream, squared_norm_, ParameterStore::window(flat, *group), write);
    write = Write::accumulate;
  }
  clip_by_norm(stream, scalars_, squared_norm_, settings.clip);
  for (const ParameterGroup* group : store_->groups()) {
    const auto window = [&](TensorView array) {
      return array ? row_of(ParameterStore::window(array, *group)) : TensorView{};
    };
    AdamW options = options_;
    if (!group->decays()) options.weight_decay = 0.0;
    adamw(stream, window(store_->values()), window(master_), window(m_), window(v_), window(flat),
          scalars_, options);
  }
}

StepOutcome AdamWOptimizer::outcome(Stream& stream) const {
  std::array<double, step_scalar_count> scalars{};
  scalars_.device().copy_to_host(stream, scalars.data(), scalars_.view().data, scalars_.bytes());
  stream.synchronize();
  return {scalars[static_cast<std::size_t>(StepScalar::gradient_norm)],
          scalars[static_cast<std::size_t>(StepScalar::finite)] != 0.0};
}

}  // namespace tokenwerk
