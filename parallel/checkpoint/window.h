#pragma once
/// Copies between dense boxes and strided windows in memory.

#include <cstddef>
#include <string>
#include <vector>

#include "parallel/checkpoint/box.h"

namespace tokenwerk {

/// Why a window cannot hold a box's elements, or nothing: it wants memory, the box's innermost
/// extent as columns, as many elements, and rows that do not overlap.
[[nodiscard]] std::string window_fault(const Box& box, const ConstTensorView& window);

/// Writes the rows of a window (holding a box of this extent) behind one another.
void pack(void* to, const Shape& extent, const ConstTensorView& window);
/// The same into memory of its own.
[[nodiscard]] std::vector<std::byte> packed(const Shape& extent, const ConstTensorView& window);

/// Whether numbers of one type may be stored as another: the floats among themselves, i32 as i32.
[[nodiscard]] bool converts(DType from, DType to);

/// Fills `part` of the box that `window` holds (the part's offset counts from the box's) from dense
/// memory of `dtype`, converting to nearest even (f64 to bf16 by way of f32).
void unpack(const TensorView& window, const Shape& extent, const Box& part, const void* dense,
            DType dtype);

/// Where the part begins when its elements lie behind one another in the window; null when not.
[[nodiscard]] void* contiguous(const TensorView& window, const Shape& extent, const Box& part);

}  // namespace tokenwerk
