#include "core/ops/norm.h"

namespace tokenwerk {
namespace {

NormOps& family(Stream& stream) { return *stream.device().operations().norm; }

constexpr Index layer_norm_stats = 2, rms_norm_stats = 1;

void check_forward(std::string_view operation, const ConstTensorView& y,
                   const ConstTensorView& stats, const ConstTensorView& x,
                   const ConstTensorView& gamma, Index stats_columns) {
  TW_CHECK_AS(ShapeError, x.dtype != DType::i32, operation, ": x is i32");
  check_matrix(x, operation, "x", y.rows(), y.columns(), x.dtype);
  check_matrix(y, operation, "y", x.rows(), x.columns(), x.dtype);
  check_matrix(stats, operation, "stats", x.rows(), stats_columns, accumulation_type(x.dtype));
  check_vector(gamma, operation, "gamma", x.columns(), x.dtype);
}

void check_backward(std::string_view operation, const ConstTensorView& dy, const ConstTensorView& x,
                    const ConstTensorView& stats, Index stats_columns) {
  TW_CHECK_AS(ShapeError, x.dtype != DType::i32, operation, ": x is i32");
  check_matrix(x, operation, "x", dy.rows(), dy.columns(), x.dtype);
  check_matrix(dy, operation, "dy", x.rows(), x.columns(), x.dtype);
  check_matrix(stats, operation, "stats", x.rows(), stats_columns, accumulation_type(x.dtype));
}

}  // namespace

void layer_norm_forward(Stream& stream, TensorView y, TensorView stats, ConstTensorView x,
                        ConstTensorView gamma, ConstTensorView beta, double epsilon) {
  check_forward("layer_norm_forward", y, stats, x, gamma, layer_norm_stats);
  check_vector(beta, "layer_norm_forward", "beta", x.columns(), x.dtype);
  family(stream).do_layer_norm_forward(stream, y, stats, x, gamma, beta, epsilon);
}

void layer_norm_backward_input(Stream& stream, TensorView dx, ConstTensorView dy, ConstTensorView x,
                               ConstTensorView stats, ConstTensorView gamma, Write write) {
  check_backward("layer_norm_backward_input", dy, x, stats, layer_norm_stats);
  check_matrix(dx, "layer_norm_backward_input", "dx", x.rows(), x.columns(), x.dtype);
  check_vector(gamma, "layer_norm_backward_input", "gamma", x.columns(), x.dtype);
  family(stream).do_layer_norm_backward_input(stream, dx, dy, x, stats, gamma, write);
}

void layer_norm_backward_weight(Stream& stream, TensorView dgamma, TensorView dbeta,
                                ConstTensorView dy, ConstTensorView x, ConstTensorView stats,
                                Write write) {
  check_backward("layer_norm_backward_weight", dy, x, stats, layer_norm_stats);
  const DType type = accumulation_type(x.dtype);
  check_vector(dgamma, "layer_norm_backward_weight", "dgamma", x.columns(), type);
  check_vector(dbeta, "layer_norm_backward_weight", "dbeta", x.columns(), type);
  family(stream).do_layer_norm_backward_weight(stream, dgamma, dbeta, dy, x, stats, write);
}

void rms_norm_forward(Stream& stream, TensorView y, TensorView stats, ConstTensorView x,
                      ConstTensorView gamma, double epsilon) {
  check_forward("rms_norm_forward", y, stats, x, gamma, rms_norm_stats);
  family(stream).do_rms_norm_forward(stream, y, stats, x, gamma, epsilon);
}

void rms_norm_backward_input(Stream& stream, TensorView dx, ConstTensorView dy, ConstTensorView x,
                             ConstTensorView stats, ConstTensorView gamma, Write write) {
  check_backward("rms_norm_backward_input", dy, x, stats, rms_norm_stats);
  check_matrix(dx, "rms_norm_backward_input", "dx", x.rows(), x.columns(), x.dtype);
  check_vector(gamma, "rms_norm_backward_input", "gamma", x.columns(), x.dtype);
  family(stream).do_rms_norm_backward_input(stream, dx, dy, x, stats, gamma, write);
}

void rms_norm_backward_weight(Stream& stream, TensorView dgamma, ConstTensorView dy,
                              ConstTensorView x, ConstTensorView stats, Write write) {
  check_backward("rms_norm_backward_weight", dy, x, stats, rms_norm_stats);
  check_vector(dgamma, "rms_norm_backward_weight", "dgamma", x.columns(),
               accumulation_type(x.dtype));
  family(stream).do_rms_norm_backward_weight(stream, dgamma, dy, x, stats, write);
}

}  // namespace tokenwerk
