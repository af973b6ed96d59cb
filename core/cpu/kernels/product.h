#pragma once
/// Kernels of core/cpu/fixed_product.cpp: a block of a matrix product whose operands are packed
/// into panels, a panel holding for each k the elements of one tile's rows, or of its columns.

#include "core/cpu/isa.h"
#include "core/cpu/kernels/rows.h"

namespace tokenwerk::cpu {

/// Elements from one panel of so much depth and so many rows or columns to the next. What packing
/// writes behind a panel's last elements stays in it.
[[nodiscard]] constexpr Index panel_distance(Index depth, Index width) {
  constexpr Index written_behind = 16;
  return depth * width + written_behind;
}

/// A part of an operand: `count` rows of a left operand or columns of a right one, at k = 0 ..
/// depth.
struct ProductSource {
  DType dtype;
  const void* first;
  Index stride;        ///< elements from one row or column to the next
  Index depth_stride;  ///< elements from one k to the next; one of the strides is 1
  Index count;
  Index depth;
};

/// A run of consecutive k that belong to one chunk of the summed dim. `level` is the number of
/// trailing ones in the chunk's index: so many sums of earlier chunks wait to be added to its own.
struct ProductStep {
  Index depth;
  int level;
  bool begins;  ///< with the chunk's first k; otherwise the sums so far wait at `level`
  bool ends;    ///< with the chunk's last k
};

/// Where the product goes when the last chunk has ended.
struct ProductResult {
  DType dtype;
  MutableRows rows;  ///< without data: no chunk ends the tree in this block
  const void* bias;  ///< one for each column, in the sums' type; may be null
  bool accumulates;  ///< adds to what the result holds
};

/// One block of the product: `rows` x `columns` of the result, `depth` of the summed dim.
struct ProductBlock {
  DType dtype;  ///< of the operands
  Index rows, columns, depth;
  const void* left;
  const void* right;
  const ProductStep* steps;  ///< whose depths add up to the block's
  Index step_count;
  void* sums;           ///< of the tiles, `levels` of them each
  Index tile_distance;  ///< from the sums of one tile to the next one's, in elements; may be zero
  ProductResult result;
};

struct ProductKernels {
  Index tile_rows, tile_columns;  ///< of f32; a tile of f64 has half the columns
  /// Writes k = first .. first + source.depth of the panels of a left or a right operand, in the
  /// type of the sums. Panels are `depth` deep; what lies behind in a panel is written later.
  void (*pack_left)(void* panels, Index depth, Index first, const ProductSource& source);
  void (*pack_right)(void* panels, Index depth, Index first, const ProductSource& source);
  void (*multiply)(const ProductBlock& block);
};

TW_DECLARE_KERNELS(ProductKernels, product_kernels)

}  // namespace tokenwerk::cpu
