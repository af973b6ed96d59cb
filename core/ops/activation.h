#pragma once
/// Activations of the feed-forward layer.

#include "core/ops/check.h"

namespace tokenwerk {

/// y(N,F) = gelu(x(N,F)), the tanh form of GPT-2: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)));
/// Hendrycks, Gimpel 2016 (arXiv:1606.08415), section 2.
void gelu_forward(Stream&, TensorView y, ConstTensorView x);
/// dx(N,F) = dy(N,F) * gelu'(x(N,F)); dx may be dy.
void gelu_backward(Stream&, TensorView dx, ConstTensorView dy, ConstTensorView x);

/// y(N,F) = silu(gate(N,F)) * up(N,F), silu(g) = g / (1 + exp(-g)); Shazeer 2020
/// (arXiv:2002.05202), eq. 5.
void swiglu_forward(Stream&, TensorView y, ConstTensorView gate, ConstTensorView up);
/// dgate(N,F), dup(N,F) from dy(N,F).
void swiglu_backward(Stream&, TensorView dgate, TensorView dup, ConstTensorView dy,
                     ConstTensorView gate, ConstTensorView up);

class ActivationOps {
 public:
  virtual ~ActivationOps() = default;
  virtual void do_gelu_forward(Stream&, TensorView y, ConstTensorView x) = 0;
  virtual void do_gelu_backward(Stream&, TensorView dx, ConstTensorView dy, ConstTensorView x) = 0;
  virtual void do_swiglu_forward(Stream&, TensorView y, ConstTensorView gate,
                                 ConstTensorView up) = 0;
  virtual void do_swiglu_backward(Stream&, TensorView dgate, TensorView dup, ConstTensorView dy,
                                  ConstTensorView gate, ConstTensorView up) = 0;
};

}  // namespace tokenwerk
