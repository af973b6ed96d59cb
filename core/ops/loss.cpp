#include "core/ops/loss.h"

namespace tokenwerk {
namespace {

LossOps& family(Stream& stream) { return *stream.device().operations().loss; }

void check_logits(const ConstTensorView& logits, std::string_view operation,
                  const ConstTensorView& targets) {
  TW_CHECK_AS(ShapeError, logits.dtype == DType::f32 || logits.dtype == DType::f64, operation,
              ": logits are ", name_of(logits.dtype));
  check_matrix(logits, operation, "logits", logits.rows(), logits.columns(), logits.dtype);
  check_vector(targets, operation, "targets", logits.rows(), DType::i32);
}

void check_place(std::string_view operation, Index vocabulary, Index first_column) {
  TW_CHECK_AS(ShapeError, vocabulary > 0 && first_column >= 0, operation, ": columns from ",
              first_column, " of a vocabulary of ", vocabulary);
}

}  // namespace

void cross_entropy_forward(Stream& stream, TensorView loss, TensorView lse, ConstTensorView logits,
                           ConstTensorView targets, Index vocabulary) {
  check_logits(logits, "cross_entropy_forward", targets);
  TW_CHECK_AS(ShapeError, 0 < vocabulary && vocabulary <= logits.columns(),
              "cross_entropy_forward: ", vocabulary, " of ", logits.columns(), " columns");
  check_vector(loss, "cross_entropy_forward", "loss", logits.rows(), logits.dtype);
  check_vector(lse, "cross_entropy_forward", "lse", logits.rows(), logits.dtype);
  family(stream).do_cross_entropy_forward(stream, loss, lse, logits, targets, vocabulary);
}

void cross_entropy_share(Stream& stream, TensorView partial, ConstTensorView logits,
                         ConstTensorView targets, const VocabularyShare& share) {
  check_logits(logits, "cross_entropy_share", targets);
  check_place("cross_entropy_share", share.vocabulary, share.first_column);
  TW_CHECK_AS(ShapeError, share.chunks > 0 && (share.chunks & (share.chunks - 1)) == 0,
              "cross_entropy_share: ", share.chunks, " chunks, wants a power of two");
  check_matrix(partial, "cross_entropy_share", "partial", logits.rows(), 2, logits.dtype);
  family(stream).do_cross_entropy_share(stream, partial, logits, targets, share);
}

void cross_entropy_combine(Stream& stream, TensorView loss, TensorView lse,
                           ConstTensorView partials, ConstTensorView targets) {
  const Index rows = loss.count();
  check_vector(loss, "cross_entropy_combine", "loss", rows, partials.dtype);
  check_vector(lse, "cross_entropy_combine", "lse", rows, partials.dtype);
  check_vector(targets, "cross_entropy_combine", "targets", rows, DType::i32);
  TW_CHECK_AS(ShapeError, partials.dtype == DType::f32 || partials.dtype == DType::f64,
              "cross_entropy_combine: partials are ", name_of(partials.dtype));
  check_matrix(partials, "cross_entropy_combine", "partials", partials.rows(), 2, partials.dtype);
  const bool whole =
      rows == 0 ? partials.rows() == 0 : partials.rows() >= rows && partials.rows() % rows == 0;
  TW_CHECK_AS(ShapeError, whole, "cross_entropy_combine: ", partials.rows(),
              " partials are no whole number of shares of ", rows, " rows");
  family(stream).do_cross_entropy_combine(stream, loss, lse, partials, targets);
}

void cross_entropy_backward(Stream& stream, TensorView dlogits, ConstTensorView logits,
                            ConstTensorView lse, ConstTensorView targets, Index vocabulary,
                            double scale, Index first_column) {
  check_logits(logits, "cross_entropy_backward", targets);
  check_place("cross_entropy_backward", vocabulary, first_column);
  check_vector(lse, "cross_entropy_backward", "lse", logits.rows(), logits.dtype);
  TW_CHECK_AS(
      ShapeError,
      dlogits.dtype == logits.dtype || (dlogits.dtype == DType::bf16 && logits.dtype == DType::f32),
      "cross_entropy_backward: dlogits are ", name_of(dlogits.dtype), " for logits in ",
      name_of(logits.dtype));
  check_matrix(dlogits, "cross_entropy_backward", "dlogits", logits.rows(), logits.columns(),
               dlogits.dtype);
  family(stream).do_cross_entropy_backward(stream, dlogits, logits, lse, targets, vocabulary, scale,
                                           first_column);
}

}  // namespace tokenwerk
