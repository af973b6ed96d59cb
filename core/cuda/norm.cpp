#include "core/cuda/kernels/norm.h"

#include "core/cuda/arrays.h"
#include "core/cuda/families.h"
#include "core/cuda/stream.h"

namespace tokenwerk::cuda {
namespace {

class CudaNormOps final : public NormOps {
 public:
  void do_layer_norm_forward(Stream& stream, TensorView y, TensorView stats, ConstTensorView x,
                             ConstTensorView gamma, ConstTensorView beta, double epsilon) override {
    forward(stream, Norm::layer, y, stats, x, gamma, beta, epsilon);
  }
  void do_layer_norm_backward_input(Stream& stream, TensorView dx, ConstTensorView dy,
                                    ConstTensorView x, ConstTensorView stats, ConstTensorView gamma,
                                    Write write) override {
    backward_input(stream, Norm::layer, dx, dy, x, stats, gamma, write);
  }
  void do_layer_norm_backward_weight(Stream& stream, TensorView dgamma, TensorView dbeta,
                                     ConstTensorView dy, ConstTensorView x, ConstTensorView stats,
                                     Write write) override {
    backward_weight(stream, Norm::layer, dgamma, dbeta, dy, x, stats, write);
  }
  void do_rms_norm_forward(Stream& stream, TensorView y, TensorView stats, ConstTensorView x,
                           ConstTensorView gamma, double epsilon) override {
    forward(stream, Norm::rms, y, stats, x, gamma, {}, epsilon);
  }
  void do_rms_norm_backward_input(Stream& stream, TensorView dx, ConstTensorView dy,
                                  ConstTensorView x, ConstTensorView stats, ConstTensorView gamma,
                                  Write write) override {
    backward_input(stream, Norm::rms, dx, dy, x, stats, gamma, write);
  }
  void do_rms_norm_backward_weight(Stream& stream, TensorView dgamma, ConstTensorView dy,
                                   ConstTensorView x, ConstTensorView stats, Write write) override {
    backward_weight(stream, Norm::rms, dgamma, {}, dy, x, stats, write);
  }

 private:
  static void forward(Stream& stream, Norm kind, TensorView y, TensorView stats, ConstTensorView x,
                      ConstTensorView gamma, ConstTensorView beta, double epsilon) {
    TW_CUDA(norm_forward(handle_of(stream), kind, array_of(y), array_of(stats), array_of(x),
                         array_of(gamma), array_of(beta), epsilon));
  }
  static void backward_input(Stream& stream, Norm kind, TensorView dx, ConstTensorView dy,
                             ConstTensorView x, ConstTensorView stats, ConstTensorView gamma,
                             Write write) {
    TW_CUDA(norm_backward_input(handle_of(stream), kind, array_of(dx), array_of(dy), array_of(x),
                                array_of(stats), array_of(gamma), write));
  }
  static void backward_weight(Stream& stream, Norm kind, TensorView dgamma, TensorView dbeta,
                              ConstTensorView dy, ConstTensorView x, ConstTensorView stats,
                              Write write) {
    const Index sums = dbeta ? 2 : 1;
    const Tensor partials(stream.device(), dgamma.dtype,
                          {column_chunks(x.rows()), sums * x.columns()});
    TW_CUDA(norm_backward_weight(handle_of(stream), kind, array_of(dgamma), array_of(dbeta),
                                 array_of(partials.view()), array_of(dy), array_of(x),
                                 array_of(stats), write));
  }
};

}  // namespace

std::unique_ptr<NormOps> make_norm_ops() { return std::make_unique<CudaNormOps>(); }

}  // namespace tokenwerk::cuda
