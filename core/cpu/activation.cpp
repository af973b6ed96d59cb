#include "core/cpu/kernels/activation.h"

#include "core/cpu/families.h"
#include "core/cpu/rows.h"

namespace tokenwerk::cpu {
namespace {

class CpuActivationOps final : public ActivationOps {
 public:
  void do_gelu_forward(Stream&, TensorView y, ConstTensorView x) override {
    for_runs(y.dense() && x.dense(), y.rows(), y.columns(), [&](Index r, Index c, Index n) {
      activation_kernels().gelu_forward(y.dtype, at(y, r, c), at(x, r, c), n);
    });
  }

  void do_gelu_backward(Stream&, TensorView dx, ConstTensorView dy, ConstTensorView x) override {
    const bool dense = dx.dense() && dy.dense() && x.dense();
    for_runs(dense, x.rows(), x.columns(), [&](Index r, Index c, Index n) {
      activation_kernels().gelu_backward(x.dtype, at(dx, r, c), at(dy, r, c), at(x, r, c), n);
    });
  }

  void do_swiglu_forward(Stream&, TensorView y, ConstTensorView gate, ConstTensorView up) override {
    const bool dense = y.dense() && gate.dense() && up.dense();
    for_runs(dense, y.rows(), y.columns(), [&](Index r, Index c, Index n) {
      activation_kernels().swiglu_forward(y.dtype, at(y, r, c), at(gate, r, c), at(up, r, c), n);
    });
  }

  void do_swiglu_backward(Stream&, TensorView dgate, TensorView dup, ConstTensorView dy,
                          ConstTensorView gate, ConstTensorView up) override {
    const bool dense = dgate.dense() && dup.dense() && dy.dense() && gate.dense() && up.dense();
    for_runs(dense, dy.rows(), dy.columns(), [&](Index r, Index c, Index n) {
      activation_kernels().swiglu_backward(dy.dtype, at(dgate, r, c), at(dup, r, c), at(dy, r, c),
                                           at(gate, r, c), at(up, r, c), n);
    });
  }
};

}  // namespace

std::unique_ptr<ActivationOps> make_activation_ops() {
  return std::make_unique<CpuActivationOps>();
}

}  // namespace tokenwerk::cpu
