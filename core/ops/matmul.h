#pragma once
/// Matrix products of a linear layer and its derivatives. Shapes: N rows of the batch, C inputs,
/// F outputs; weights are stored (F, C), as in PyTorch.

#include "core/ops/check.h"

namespace tokenwerk {

/// Options of a product.
struct Matmul {
  Write write = Write::overwrite;
};

/// y(N,F) = x(N,C) @ w(F,C)^T + bias(F); the bias may be empty. x, w and bias share a dtype; y has
/// it too, or is f32 where they are bf16. Sums are kept in accumulation_type.
void matmul(Stream&, TensorView y, ConstTensorView x, ConstTensorView w, ConstTensorView bias = {},
            Matmul how = {});

/// dx(N,C) = dy(N,F) @ w(F,C).
void matmul_backward_input(Stream&, TensorView dx, ConstTensorView dy, ConstTensorView w,
                           Matmul how = {});

/// dw(F,C) = dy(N,F)^T @ x(N,C), with dw in accumulation_type(x.dtype).
void matmul_backward_weight(Stream&, TensorView dw, ConstTensorView dy, ConstTensorView x,
                            Matmul how = {});

/// dbias(F) = sum over the rows of dy(N,F), with dbias in accumulation_type(dy.dtype).
void bias_backward(Stream&, TensorView dbias, ConstTensorView dy, Matmul how = {});

class MatmulOps {
 public:
  virtual ~MatmulOps() = default;
  virtual void do_matmul(Stream&, TensorView y, ConstTensorView x, ConstTensorView w,
                         ConstTensorView bias, Matmul how) = 0;
  virtual void do_matmul_backward_input(Stream&, TensorView dx, ConstTensorView dy,
                                        ConstTensorView w, Matmul how) = 0;
  virtual void do_matmul_backward_weight(Stream&, TensorView dw, ConstTensorView dy,
                                         ConstTensorView x, Matmul how) = 0;
  virtual void do_bias_backward(Stream&, TensorView dbias, ConstTensorView dy, Matmul how) = 0;
};

}  // namespace tokenwerk
