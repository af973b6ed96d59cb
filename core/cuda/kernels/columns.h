#pragma once
/// How sums over the rows of each column are cut, so that all of the device works on them.

#include <algorithm>

#include "core/cuda/kernels/array.h"

namespace tokenwerk::cuda {

/// Consecutive rows that one block sums: the number of rows alone decides, so that a column has the
/// same bits in whatever window it is summed. At most 64 chunks: what they leave behind is a few
/// percent of what they read.
[[nodiscard]] constexpr Index column_chunk_rows(Index rows) {
  return std::max<Index>(32, (rows + 63) / 64);
}
[[nodiscard]] constexpr Index column_chunks(Index rows) {
  return (rows + column_chunk_rows(rows) - 1) / column_chunk_rows(rows);
}

}  // namespace tokenwerk::cuda
