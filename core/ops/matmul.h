#pragma once
/// Matrix products of a linear layer and its derivatives. Shapes: N rows of the batch, C inputs,
/// F outputs; weights are stored (F, C), as in PyTorch.

#include <array>

#include "core/ops/check.h"

namespace tokenwerk {

/// In which order a product's terms are summed.
enum class SumOrder {
  fast,   ///< whatever is fastest: may change with shapes, threads and the instruction set
  fixed,  ///< one order for each element, given by the summed dim alone
};

/// Options of a product.
///
/// In fixed order an element is a tree over the chunks of the summed dim, ((c0 + c1) + (c2 + c3))
/// + ..., each chunk being one chain of fused multiply-adds from zero upwards in
/// accumulation_type; then come the bias, what the result held (`accumulate`), and one rounding to
/// the result's type. Chunk i of K terms begins at floor(i K / chunks). So p ranks that hold equal
/// shares of K and take 8 / p chunks each, whose f32 results are then summed pairwise, (r0 + r1) +
/// (r2 + r3), have the bits of one rank with 8 chunks.
struct Matmul {
  Write write = Write::overwrite;
  SumOrder order = SumOrder::fast;
  /// Of the summed dim; a power of two up to most_chunks. Only for the fixed order, as are parts.
  Index chunks = 1;
  /// Extents of what lies side by side in the summed dim (q, k and v), zeros behind them; none: one
  /// part. Chunk i is then chunk i of every part in turn, because ranks share each part.
  std::array<Index, 4> parts = {};

  static constexpr Index most_chunks = 8;
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

/// dbias(F) = sum over the rows of dy(N,F), with dbias in accumulation_type(dy.dtype). Each column
/// is summed in an order that depends on N alone, whatever `how.order` says.
void bias_backward(Stream&, TensorView dbias, ConstTensorView dy, Matmul how = {});

/// hidden(N,F) = x(N,C) @ w(F,C)^T + bias(F) and active(N,F) = gelu(hidden): matmul and
/// gelu_forward. All share a dtype; the bias may be empty; Write::overwrite alone. A device may
/// fuse the two where operands are bf16, and takes the GELU of sums that are not rounded yet:
/// active is then not bit for bit the gelu_forward of hidden.
void matmul_gelu(Stream&, TensorView active, TensorView hidden, ConstTensorView x,
                 ConstTensorView w, ConstTensorView bias = {}, Matmul how = {});

/// dhidden(N,C) = (dy(N,F) @ w(F,C)) * gelu'(hidden(N,C)): matmul_backward_input and gelu_backward,
/// fused under the same terms. dhidden may not be hidden.
void matmul_backward_input_gelu(Stream&, TensorView dhidden, ConstTensorView dy, ConstTensorView w,
                                ConstTensorView hidden, Matmul how = {});

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

  /// One operation after the other: what a device has that fuses nothing.
  virtual void do_matmul_gelu(Stream&, TensorView active, TensorView hidden, ConstTensorView x,
                              ConstTensorView w, ConstTensorView bias, Matmul how);
  virtual void do_matmul_backward_input_gelu(Stream&, TensorView dhidden, ConstTensorView dy,
                                             ConstTensorView w, ConstTensorView hidden, Matmul how);
};

}  // namespace tokenwerk
