#include "core/ops/loss.h"

namespace tokenwerk {
namespace {

LossOps& family(Stream& stream) { return *stream.device().operations().loss; }

void check_logits(const ConstTensorView& logits, std::string_view operation,
                  const ConstTensorView& targets, Index vocabulary) {
  TW_CHECK_AS(ShapeError, logits.dtype == DType::f32 || logits.dtype == DType::f64, operation,
              ": logits are ", name_of(logits.dtype));
  TW_CHECK_AS(ShapeError, 0 < vocabulary && vocabulary <= logits.columns(), operation, ": ",
              vocabulary, " of ", logits.columns(), " columns");
  check_matrix(logits, operation, "logits", logits.rows(), logits.columns(), logits.dtype);
  check_vector(targets, operation, "targets", logits.rows(), DType::i32);
}

}  // namespace

void cross_entropy_forward(Stream& stream, TensorView loss, TensorView lse, ConstTensorView logits,
                           ConstTensorView targets, Index vocabulary) {
  check_logits(logits, "cross_entropy_forward", targets, vocabulary);
  check_vector(loss, "cross_entropy_forward", "loss", logits.rows(), logits.dtype);
  check_vector(lse, "cross_entropy_forward", "lse", logits.rows(), logits.dtype);
  family(stream).do_cross_entropy_forward(stream, loss, lse, logits, targets, vocabulary);
}

void cross_entropy_backward(Stream& stream, TensorView dlogits, ConstTensorView logits,
                            ConstTensorView lse, ConstTensorView targets, Index vocabulary,
                            double scale) {
  check_logits(logits, "cross_entropy_backward", targets, vocabulary);
  check_vector(lse, "cross_entropy_backward", "lse", logits.rows(), logits.dtype);
  TW_CHECK_AS(
      ShapeError,
      dlogits.dtype == logits.dtype || (dlogits.dtype == DType::bf16 && logits.dtype == DType::f32),
      "cross_entropy_backward: dlogits are ", name_of(dlogits.dtype), " for logits in ",
      name_of(logits.dtype));
  check_matrix(dlogits, "cross_entropy_backward", "dlogits", logits.rows(), logits.columns(),
               dlogits.dtype);
  family(stream).do_cross_entropy_backward(stream, dlogits, logits, lse, targets, vocabulary,
                                           scale);
}

}  // namespace tokenwerk
