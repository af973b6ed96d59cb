#pragma once
/// Normalisation over the width of each row. Statistics are kept in accumulation_type(x.dtype).
/// LayerNorm: Ba, Kiros, Hinton 2016 (arXiv:1607.06450), eq. 4. RMSNorm: Zhang, Sennrich 2019
/// (arXiv:1910.07467), eq. 4.

#include "core/ops/check.h"

namespace tokenwerk {

/// y(N,C) = (x - mean) / sqrt(variance + epsilon) * gamma(C) + beta(C);
/// stats(N,2) receives mean and 1 / sqrt(variance + epsilon) of each row.
void layer_norm_forward(Stream&, TensorView y, TensorView stats, ConstTensorView x,
                        ConstTensorView gamma, ConstTensorView beta, double epsilon);

/// dx(N,C) from dy(N,C); `accumulate` adds to what dx holds (the residual stream's gradient).
void layer_norm_backward_input(Stream&, TensorView dx, ConstTensorView dy, ConstTensorView x,
                               ConstTensorView stats, ConstTensorView gamma, Write write);

/// dgamma(C), dbeta(C) in accumulation_type.
void layer_norm_backward_weight(Stream&, TensorView dgamma, TensorView dbeta, ConstTensorView dy,
                                ConstTensorView x, ConstTensorView stats, Write write);

/// y(N,C) = x / sqrt(mean(x^2) + epsilon) * gamma(C); stats(N,1) receives 1 / sqrt(...).
void rms_norm_forward(Stream&, TensorView y, TensorView stats, ConstTensorView x,
                      ConstTensorView gamma, double epsilon);
void rms_norm_backward_input(Stream&, TensorView dx, ConstTensorView dy, ConstTensorView x,
                             ConstTensorView stats, ConstTensorView gamma, Write write);
void rms_norm_backward_weight(Stream&, TensorView dgamma, ConstTensorView dy, ConstTensorView x,
                              ConstTensorView stats, Write write);

class NormOps {
 public:
  virtual ~NormOps() = default;
  virtual void do_layer_norm_forward(Stream&, TensorView y, TensorView stats, ConstTensorView x,
                                     ConstTensorView gamma, ConstTensorView beta,
                                     double epsilon) = 0;
  virtual void do_layer_norm_backward_input(Stream&, TensorView dx, ConstTensorView dy,
                                            ConstTensorView x, ConstTensorView stats,
                                            ConstTensorView gamma, Write write) = 0;
  virtual void do_layer_norm_backward_weight(Stream&, TensorView dgamma, TensorView dbeta,
                                             ConstTensorView dy, ConstTensorView x,
                                             ConstTensorView stats, Write write) = 0;
  virtual void do_rms_norm_forward(Stream&, TensorView y, TensorView stats, ConstTensorView x,
                                   ConstTensorView gamma, double epsilon) = 0;
  virtual void do_rms_norm_backward_input(Stream&, TensorView dx, ConstTensorView dy,
                                          ConstTensorView x, ConstTensorView stats,
                                          ConstTensorView gamma, Write write) = 0;
  virtual void do_rms_norm_backward_weight(Stream&, TensorView dgamma, ConstTensorView dy,
                                           ConstTensorView x, ConstTensorView stats,
                                           Write write) = 0;
};

}  // namespace tokenwerk
