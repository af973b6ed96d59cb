#include "core/nn/saved.h"

namespace tokenwerk {

Saved::Slot& Saved::slot_at(int slot) {
  const auto index = static_cast<std::size_t>(slot);
  if (index >= slots_.size()) slots_.resize(index + 1);
  return slots_[index];
}

TensorView Saved::make(int slot, Device& device, DType dtype, Shape shape) {
  Slot& s = slot_at(slot);
  s.owned = Tensor();  // first free, then allocate: the peak must not hold both
  s.owned = Tensor(device, dtype, shape);
  s.view = s.owned;
  return s.owned;
}

void Saved::keep(int slot, ConstTensorView view) {
  Slot& s = slot_at(slot);
  s.owned = Tensor();
  s.view = view;
}

ConstTensorView Saved::get(int slot) const {
  const auto index = static_cast<std::size_t>(slot);
  TW_CHECK_AS(ShapeError, index < slots_.size() && slots_[index].view, "saved slot ", slot,
              " is empty");
  return slots_[index].view;
}

TensorView Saved::writable(int slot) const {
  const auto index = static_cast<std::size_t>(slot);
  TW_CHECK_AS(ShapeError, index < slots_.size() && slots_[index].owned, "saved slot ", slot,
              " holds no array of its own");
  return slots_[index].owned;
}

void Saved::release(int slot) { keep(slot, {}); }

Saved& Saved::child(int index) {
  const auto i = static_cast<std::size_t>(index);
  if (i >= children_.size()) children_.resize(i + 1);
  if (!children_[i]) children_[i] = std::make_unique<Saved>();
  return *children_[i];
}

void Saved::clear() {
  slots_.clear();
  children_.clear();
}

}  // namespace tokenwerk
