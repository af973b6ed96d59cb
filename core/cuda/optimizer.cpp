#include "core/cuda/kernels/optimizer.h"

#include "core/cuda/arrays.h"
#include "core/cuda/families.h"
#include "core/cuda/stream.h"

namespace tokenwerk::cuda {
namespace {

template <typename View>
auto* scalar(const View& scalars, StepScalar which) {
  return scalars.template as<double>() + static_cast<int>(which);
}

class CudaOptimizerOps final : public OptimizerOps {
 public:
  void do_adamw(Stream& stream, TensorView w, TensorView master, TensorView m, TensorView v,
                ConstTensorView gradient, ConstTensorView scalars, const AdamW& options) override {
    TW_CUDA(cuda::adamw(
        handle_of(stream),
        {array_of(w), array_of(master), array_of(m), array_of(v), array_of(gradient)},
        {scalar(scalars, StepScalar::learning_rate), scalar(scalars, StepScalar::correction1),
         scalar(scalars, StepScalar::correction2), scalar(scalars, StepScalar::gradient_scale),
         scalar(scalars, StepScalar::accepted)},
        {options.beta1, options.beta2, options.epsilon, options.weight_decay}));
  }

  void do_squared_norm_tiles(Stream& stream, TensorView squares, ConstTensorView x) override {
    const Index tiles = squares.columns();
    const Index pieces = square_pieces((x.columns() + tiles - 1) / tiles);
    Tensor partials;
    if (pieces > 1) partials = Tensor(stream.device(), DType::f64, {x.rows() * tiles, pieces});
    TW_CUDA(cuda::squared_norm_tiles(handle_of(stream), array_of(squares),
                                     partials.view().as<double>(), array_of(x)));
  }

  void do_clip_by_norm(Stream& stream, TensorView scalars, ConstTensorView squared_norm,
                       ConstTensorView loss, const StepLimits& limits) override {
    TW_CUDA(cuda::clip_by_norm(
        handle_of(stream),
        {scalar(scalars, StepScalar::gradient_norm), scalar(scalars, StepScalar::accepted),
         scalar(scalars, StepScalar::gradient_scale)},
        squared_norm.as<double>(), loss ? loss.as<double>() : nullptr,
        {limits.clip, limits.norm, limits.loss}));
  }
};

}  // namespace

std::unique_ptr<OptimizerOps> make_optimizer_ops() { return std::make_unique<CudaOptimizerOps>(); }

}  // namespace tokenwerk::cuda
