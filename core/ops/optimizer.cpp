#include "core/ops/optimizer.h"

namespace tokenwerk {
namespace {

OptimizerOps& family(Stream& stream) { return *stream.device().operations().optimizer; }

}  // namespace

void adamw(Stream& stream, TensorView w, TensorView master, TensorView m, TensorView v,
           ConstTensorView gradient, ConstTensorView scalars, const AdamW& options) {
  const DType state = accumulation_type(w.dtype);
  TW_CHECK_AS(ShapeError, w.dtype != DType::i32, "adamw: w is i32");
  check_vector(w, "adamw", "w", w.count(), w.dtype);
  if (w.dtype != state) {
    check_vector(master, "adamw", "master", w.count(), state);
  } else {
    TW_CHECK_AS(ShapeError, !master, "adamw: ", name_of(state), " weights are their own master");
  }
  check_vector(m, "adamw", "m", w.count(), state);
  check_vector(v, "adamw", "v", w.count(), state);
  check_vector(gradient, "adamw", "gradient", w.count(), state);
  check_vector(scalars, "adamw", "scalars", step_scalar_count, DType::f64);
  family(stream).do_adamw(stream, w, master, m, v, gradient, scalars, options);
}

void squared_norm_tiles(Stream& stream, TensorView squares, ConstTensorView x) {
  TW_CHECK_AS(ShapeError, x.dtype != DType::i32, "squared_norm_tiles: x is i32");
  check_matrix(x, "squared_norm_tiles", "x", x.rows(), x.columns(), x.dtype);
  TW_CHECK_AS(ShapeError, squares.columns() > 0, "squared_norm_tiles: no tiles");
  check_matrix(squares, "squared_norm_tiles", "squares", x.rows(), squares.columns(), DType::f64);
  family(stream).do_squared_norm_tiles(stream, squares, x);
}

void clip_by_norm(Stream& stream, TensorView scalars, ConstTensorView squared_norm,
                  ConstTensorView loss, const StepLimits& limits) {
  check_vector(scalars, "clip_by_norm", "scalars", step_scalar_count, DType::f64);
  check_vector(squared_norm, "clip_by_norm", "squared_norm", 1, DType::f64);
  if (loss) check_vector(loss, "clip_by_norm", "loss", 1, DType::f64);
  family(stream).do_clip_by_norm(stream, scalars, squared_norm, loss, limits);
}

}  // namespace tokenwerk
