#pragma once
/// From views to the windows on rows that kernels take, and the split of rows over threads.

#include <algorithm>

#include "core/cpu/kernels/rows.h"
#include "core/cpu/parallel_for.h"
#include "core/tensor.h"

namespace tokenwerk::cpu {

inline constexpr Index grain_elements = 1 << 14;  ///< below this a thread costs more than it saves

/// The byte where an element of a view lies.
template <typename View>
[[nodiscard]] auto* at(const View& view, Index row, Index column) {
  return view.template as<std::byte>() +
         static_cast<std::size_t>(row * view.row_stride + column) * size_of(view.dtype);
}

/// The rows of a view from row `first` on.
[[nodiscard]] inline ConstRows rows_from(const ConstTensorView& view, Index first) {
  return {at(view, first, 0), view.row_stride};
}
[[nodiscard]] inline MutableRows rows_from(const TensorView& view, Index first) {
  return {at(view, first, 0), view.row_stride};
}

/// Calls body(first row, last row) on disjoint ranges of rows of this width.
template <typename Body>
void parallel_rows(Index rows, Index columns, const Body& body) {
  parallel_for(rows, std::max<Index>(1, grain_elements / std::max<Index>(columns, 1)), body);
}

/// For work on each element alone: calls body(row, column, count) on runs of dense elements that
/// cover the (rows, columns) array; where all operands are dense, a run may span many rows.
template <typename Body>
void for_runs(bool dense, Index rows, Index columns, const Body& body) {
  if (dense) {
    parallel_for(rows * columns, grain_elements,
                 [&](Index first, Index last) { body(Index{0}, first, last - first); });
  } else {
    parallel_rows(rows, columns, [&](Index first, Index last) {
      for (Index r = first; r < last; ++r) body(r, Index{0}, columns);
    });
  }
}

}  // namespace tokenwerk::cpu
