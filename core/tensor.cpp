#include "core/tensor.h"

#include <utility>

namespace tokenwerk {
namespace {

template <typename View>
View rows_of(const View& view, Rows range) {
  TW_CHECK_AS(ShapeError,
              0 <= range.first && range.first <= range.last && range.last <= view.rows(), "rows ",
              range.first, " to ", range.last, " of ", view.shape.text());
  View out = view;
  out.shape = Shape{range.count(), view.columns()};
  out.data = view.template as<std::byte>() +
             static_cast<std::size_t>(range.first * view.row_stride) * size_of(view.dtype);
  return out;
}

template <typename View>
View columns_of(const View& view, Index first, Index count) {
  TW_CHECK_AS(ShapeError, 0 <= first && 0 <= count && first + count <= view.columns(), "columns ",
              first, " to ", first + count, " of ", view.shape.text());
  View out = view;
  out.shape = Shape{view.rows(), count};
  out.data = view.template as<std::byte>() + static_cast<std::size_t>(first) * size_of(view.dtype);
  return out;
}

template <typename View>
View box_of(const View& view, const Box& box) {
  const auto& [first, extent] = box;
  const int ndim = view.shape.ndim();
  TW_CHECK_AS(ShapeError, (ndim == 1 || ndim == 2) && first.ndim() == ndim && extent.ndim() == ndim,
              "the box ", first.text(), " + ", extent.text(), " of ", view.shape.text());
  const View rows = ndim == 1 ? view : rows_of(view, {first[0], first[0] + extent[0]});
  View out = columns_of(rows, first[-1], extent[-1]);
  out.shape = extent;
  return out;
}

}  // namespace

ConstTensorView ConstTensorView::slice_rows(Rows range) const { return rows_of(*this, range); }
ConstTensorView ConstTensorView::slice_columns(Index first, Index count) const {
  return columns_of(*this, first, count);
}
ConstTensorView ConstTensorView::slice(const Box& box) const { return box_of(*this, box); }
TensorView TensorView::slice_rows(Rows range) const { return rows_of(*this, range); }
TensorView TensorView::slice_columns(Index first, Index count) const {
  return columns_of(*this, first, count);
}
TensorView TensorView::slice(const Box& box) const { return box_of(*this, box); }

Tensor::Tensor(Device& device, DType dtype, Shape shape) {
  const auto bytes = static_cast<std::size_t>(shape.count()) * size_of(dtype);
  view_ = {device.allocate(bytes), shape, shape.columns(), dtype, &device};
}

Tensor::Tensor(Tensor&& other) noexcept : view_(std::exchange(other.view_, {})) {}

Tensor& Tensor::operator=(Tensor&& other) noexcept {
  std::swap(view_, other.view_);
  if (this != &other) Tensor(std::move(other));  // what we held ends here, in program order
  return *this;
}

Tensor::~Tensor() {
  if (view_.data != nullptr) view_.device->release(view_.data, bytes());
}

std::size_t Tensor::bytes() const {
  return static_cast<std::size_t>(view_.shape.count()) * size_of(view_.dtype);
}

TensorView Tensor::reshaped(Shape shape) const {
  TW_CHECK_AS(ShapeError, shape.count() == view_.shape.count(), view_.shape.text(),
              " cannot be seen as ", shape.text());
  TensorView out = view_;
  out.shape = shape;
  out.row_stride = shape.columns();
  return out;
}

}  // namespace tokenwerk
