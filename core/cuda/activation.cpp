#include "core/cuda/kernels/activation.h"

#include "core/cuda/arrays.h"
#include "core/cuda/families.h"
#include "core/cuda/stream.h"

namespace tokenwerk::cuda {
namespace {

class CudaActivationOps final : public ActivationOps {
 public:
  void do_gelu_forward(Stream& stream, TensorView y, ConstTensorView x) override {
    TW_CUDA(cuda::gelu_forward(handle_of(stream), array_of(y), array_of(x)));
  }
  void do_gelu_backward(Stream& stream, TensorView dx, ConstTensorView dy,
                        ConstTensorView x) override {
    TW_CUDA(cuda::gelu_backward(handle_of(stream), array_of(dx), array_of(dy), array_of(x)));
  }
  void do_swiglu_forward(Stream& stream, TensorView y, ConstTensorView gate,
                         ConstTensorView up) override {
    TW_CUDA(cuda::swiglu_forward(handle_of(stream), array_of(y), array_of(gate), array_of(up)));
  }
  void do_swiglu_backward(Stream& stream, TensorView dgate, TensorView dup, ConstTensorView dy,
                          ConstTensorView gate, ConstTensorView up) override {
    TW_CUDA(cuda::swiglu_backward(handle_of(stream), array_of(dgate), array_of(dup), array_of(dy),
                                  array_of(gate), array_of(up)));
  }
};

}  // namespace

std::unique_ptr<ActivationOps> make_activation_ops() {
  return std::make_unique<CudaActivationOps>();
}

}  // namespace tokenwerk::cuda
