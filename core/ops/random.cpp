#include "core/ops/random.h"

namespace tokenwerk {

void fill_normal(Stream& stream, TensorView x, const NormalFill& part) {
  NormalFill fill = part;
  if (fill.global_columns == 0) fill.global_columns = x.columns();
  TW_CHECK_AS(ShapeError, x.dtype != DType::i32, "fill_normal: x is i32");
  check_matrix(x, "fill_normal", "x", x.rows(), x.columns(), x.dtype);
  TW_CHECK_AS(ShapeError,
              fill.row_offset >= 0 && fill.column_offset >= 0 &&
                  fill.column_offset + x.columns() <= fill.global_columns,
              "fill_normal: columns ", fill.column_offset, " to ", fill.column_offset + x.columns(),
              " from row ", fill.row_offset, " on of a global array of width ",
              fill.global_columns);
  stream.device().operations().random->do_fill_normal(stream, x, fill);
}

}  // namespace tokenwerk
