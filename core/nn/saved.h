#pragma once
/// What one use of a layer on one micro-batch leaves for its backward pass.

#include <memory>
#include <vector>

#include "core/tensor.h"

namespace tokenwerk {

/// A tree of slots: a layer numbers its slots and its children with enums of its own.
class Saved {
 public:
  /// Makes an array in the slot, in place of what it held.
  TensorView make(int slot, Device& device, DType dtype, Shape shape);
  /// Remembers a window on an array that somebody else keeps alive.
  void keep(int slot, ConstTensorView view);
  /// The slot's array; throws ShapeError if the slot is empty: forward or backward_input was not
  /// called.
  [[nodiscard]] ConstTensorView get(int slot) const;
  /// The same, for an array made here.
  [[nodiscard]] TensorView writable(int slot) const;
  /// Ends what the slot holds.
  void release(int slot);

  /// What a part of the layer saves; made at the first use.
  [[nodiscard]] Saved& child(int index);
  /// Ends everything, children too: recomputation starts from here.
  void clear();

 private:
  struct Slot {
    Tensor owned;
    ConstTensorView view;
  };
  Slot& slot_at(int slot);

  std::vector<Slot> slots_;
  std::vector<std::unique_ptr<Saved>> children_;
};

}  // namespace tokenwerk
