#include "core/ops/matmul.h"

#include "core/ops/activation.h"

namespace tokenwerk {
namespace {

MatmulOps& family(Stream& stream) { return *stream.device().operations().matmul; }

/// A result has the dtype of its operands, or is the f32 in which bf16 products are summed.
void check_result(const TensorView& y, std::string_view operation, std::string_view operand,
                  DType dtype) {
  TW_CHECK_AS(ShapeError, dtype != DType::i32, operation, ": a product of i32");
  TW_CHECK_AS(ShapeError, y.dtype == dtype || y.dtype == accumulation_type(dtype), operation, ": ",
              operand, " is ", name_of(y.dtype), ", wants ", name_of(dtype), " or its sums' type");
  check_matrix(y, operation, operand, y.rows(), y.columns(), y.dtype);
}

void check_order(std::string_view operation, const Matmul& how, Index depth) {
  Index sum = 0;
  for (std::size_t i = 0; i < how.parts.size(); ++i) {
    TW_CHECK_AS(ShapeError, how.parts[i] >= 0 && (i == 0 || how.parts[i - 1] > 0 || !how.parts[i]),
                operation, ": part ", i, " of the summed dim is ", how.parts[i]);
    sum += how.parts[i];
  }
  TW_CHECK_AS(ShapeError, sum == 0 || sum == depth, operation, ": parts of ", sum,
              " in a summed dim of ", depth);
  const bool power = how.chunks > 0 && (how.chunks & (how.chunks - 1)) == 0;
  TW_CHECK_AS(ShapeError, power && how.chunks <= Matmul::most_chunks, operation, ": ", how.chunks,
              " chunks, wants a power of two up to ", Matmul::most_chunks);
  TW_CHECK_AS(ShapeError, how.order == SumOrder::fixed || (how.chunks == 1 && sum == 0), operation,
              ": chunks and parts of a sum in fast order");
}

/// What passes through an activation is no sum to add to.
void check_overwrites(std::string_view operation, const Matmul& how) {
  TW_CHECK_AS(ShapeError, how.write == Write::overwrite, operation,
              ": a result behind an activation accumulates, wants Write::overwrite");
}

}  // namespace

void matmul(Stream& stream, TensorView y, ConstTensorView x, ConstTensorView w,
            ConstTensorView bias, Matmul how) {
  check_result(y, "matmul", "y", x.dtype);
  check_matrix(x, "matmul", "x", y.rows(), x.columns(), x.dtype);
  check_matrix(w, "matmul", "w", y.columns(), x.columns(), x.dtype);
  if (bias) check_vector(bias, "matmul", "bias", y.columns(), x.dtype);
  check_order("matmul", how, x.columns());
  family(stream).do_matmul(stream, y, x, w, bias, how);
}

void matmul_backward_input(Stream& stream, TensorView dx, ConstTensorView dy, ConstTensorView w,
                           Matmul how) {
  check_result(dx, "matmul_backward_input", "dx", dy.dtype);
  check_matrix(dy, "matmul_backward_input", "dy", dx.rows(), dy.columns(), dy.dtype);
  check_matrix(w, "matmul_backward_input", "w", dy.columns(), dx.columns(), dy.dtype);
  check_order("matmul_backward_input", how, dy.columns());
  family(stream).do_matmul_backward_input(stream, dx, dy, w, how);
}

void matmul_backward_weight(Stream& stream, TensorView dw, ConstTensorView dy, ConstTensorView x,
                            Matmul how) {
  TW_CHECK_AS(ShapeError, x.dtype != DType::i32, "matmul_backward_weight: a product of i32");
  check_matrix(dy, "matmul_backward_weight", "dy", x.rows(), dw.rows(), x.dtype);
  check_matrix(x, "matmul_backward_weight", "x", x.rows(), dw.columns(), x.dtype);
  check_matrix(dw, "matmul_backward_weight", "dw", dw.rows(), dw.columns(),
               accumulation_type(x.dtype));
  check_order("matmul_backward_weight", how, x.rows());
  family(stream).do_matmul_backward_weight(stream, dw, dy, x, how);
}

void bias_backward(Stream& stream, TensorView dbias, ConstTensorView dy, Matmul how) {
  TW_CHECK_AS(ShapeError, dy.dtype != DType::i32, "bias_backward: dy is i32");
  check_matrix(dy, "bias_backward", "dy", dy.rows(), dy.columns(), dy.dtype);
  check_vector(dbias, "bias_backward", "dbias", dy.columns(), accumulation_type(dy.dtype));
  family(stream).do_bias_backward(stream, dbias, dy, how);
}

void matmul_gelu(Stream& stream, TensorView active, TensorView hidden, ConstTensorView x,
                 ConstTensorView w, ConstTensorView bias, Matmul how) {
  constexpr std::string_view operation = "matmul_gelu";
  TW_CHECK_AS(ShapeError, x.dtype != DType::i32, operation, ": a product of i32");
  check_matrix(hidden, operation, "hidden", hidden.rows(), hidden.columns(), x.dtype);
  check_matrix(active, operation, "active", hidden.rows(), hidden.columns(), x.dtype);
  check_matrix(x, operation, "x", hidden.rows(), x.columns(), x.dtype);
  check_matrix(w, operation, "w", hidden.columns(), x.columns(), x.dtype);
  if (bias) check_vector(bias, operation, "bias", hidden.columns(), x.dtype);
  check_order(operation, how, x.columns());
  check_overwrites(operation, how);
  TW_CHECK_AS(ShapeError, active.data != hidden.data || hidden.count() == 0, operation,
              ": active and hidden are one array, want two");
  family(stream).do_matmul_gelu(stream, active, hidden, x, w, bias, how);
}

void matmul_backward_input_gelu(Stream& stream, TensorView dhidden, ConstTensorView dy,
                                ConstTensorView w, ConstTensorView hidden, Matmul how) {
  constexpr std::string_view operation = "matmul_backward_input_gelu";
  TW_CHECK_AS(ShapeError, dy.dtype != DType::i32, operation, ": a product of i32");
  check_matrix(dhidden, operation, "dhidden", dhidden.rows(), dhidden.columns(), dy.dtype);
  check_matrix(hidden, operation, "hidden", dhidden.rows(), dhidden.columns(), dy.dtype);
  check_matrix(dy, operation, "dy", dhidden.rows(), dy.columns(), dy.dtype);
  check_matrix(w, operation, "w", dy.columns(), dhidden.columns(), dy.dtype);
  check_order(operation, how, dy.columns());
  check_overwrites(operation, how);
  TW_CHECK_AS(ShapeError, dhidden.data != hidden.data || hidden.count() == 0, operation,
              ": dhidden and hidden are one array, want two");
  family(stream).do_matmul_backward_input_gelu(stream, dhidden, dy, w, hidden, how);
}

void MatmulOps::do_matmul_gelu(Stream& stream, TensorView active, TensorView hidden,
                               ConstTensorView x, ConstTensorView w, ConstTensorView bias,
                               Matmul how) {
  do_matmul(stream, hidden, x, w, bias, how);
  gelu_forward(stream, active, hidden);
}

void MatmulOps::do_matmul_backward_input_gelu(Stream& stream, TensorView dhidden,
                                              ConstTensorView dy, ConstTensorView w,
                                              ConstTensorView hidden, Matmul how) {
  do_matmul_backward_input(stream, dhidden, dy, w, how);
  gelu_backward(stream, dhidden, dhidden, hidden);
}

}  // namespace tokenwerk
