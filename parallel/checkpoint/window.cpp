#include "parallel/checkpoint/window.h"

#include <cstring>

namespace tokenwerk {
namespace {

std::byte* element(const TensorView& window, Index position) {
  return window.as<std::byte>() + static_cast<std::size_t>(position) * size_of(window.dtype);
}

template <typename To, typename From>
void convert(void* to, const void* from, Index count) {
  const auto* source = static_cast<const From*>(from);
  auto* target = static_cast<To*>(to);
  for (Index i = 0; i < count; ++i) {
    if constexpr (sizeof(To) == sizeof(double)) {
      target[i] = static_cast<double>(static_cast<float>(source[i]));
    } else {
      target[i] = To(static_cast<float>(source[i]));
    }
  }
}

using Convert = void (*)(void*, const void*, Index);

Convert conversion(DType from, DType to) {
  switch (from) {
    case DType::f64: return to == DType::f32 ? convert<float, double> : convert<BFloat16, double>;
    case DType::f32: return to == DType::f64 ? convert<double, float> : convert<BFloat16, float>;
    default: return to == DType::f64 ? convert<double, BFloat16> : convert<float, BFloat16>;
  }
}

}  // namespace

std::string window_fault(const Box& box, const ConstTensorView& window) {
  if (window.data == nullptr) return "no memory given";
  if (window.count() != box.extent.count() || window.columns() != box.extent.columns() ||
      (window.row_stride < window.columns() && window.rows() > 1))
    return fmt::format("a window {} with rows {} apart cannot hold the box {}", window.shape.text(),
                       window.row_stride, text_of(box));
  return {};
}

void pack(void* to, const Shape& extent, const ConstTensorView& window) {
  const std::size_t item = size_of(window.dtype);
  const std::size_t row = static_cast<std::size_t>(extent.columns()) * item;
  auto* place = static_cast<std::byte*>(to);
  if (window.dense()) {
    std::memcpy(place, window.data, static_cast<std::size_t>(extent.count()) * item);
    return;
  }
  for_each_row({extent, window.row_stride}, Box::whole(extent), [&](Index position) {
    std::memcpy(place, window.as<std::byte>() + static_cast<std::size_t>(position) * item, row);
    place += row;
  });
}

std::vector<std::byte> packed(const Shape& extent, const ConstTensorView& window) {
  std::vector<std::byte> dense(static_cast<std::size_t>(extent.count()) * size_of(window.dtype));
  pack(dense.data(), extent, window);
  return dense;
}

bool converts(DType from, DType to) {
  return from == to || (from != DType::i32 && to != DType::i32);
}

void unpack(const TensorView& window, const Shape& extent, const Box& part, const void* dense,
            DType dtype) {
  const Index columns = part.extent.columns();
  const auto* from = static_cast<const std::byte*>(dense);
  const std::size_t row = static_cast<std::size_t>(columns) * size_of(dtype);
  for_each_row({extent, window.row_stride}, part, [&](Index position) {
    std::byte* to = element(window, position);
    if (dtype == window.dtype) {
      std::memcpy(to, from, row);
    } else {
      conversion(dtype, window.dtype)(to, from, columns);
    }
    from += row;
  });
}

void* contiguous(const TensorView& window, const Shape& extent, const Box& part) {
  // Behind the first dim with more than one index, the part must take all of the box.
  int dim = 0;
  while (dim < extent.ndim() && part.extent[dim] == 1) ++dim;
  for (++dim; dim < extent.ndim(); ++dim)
    if (part.extent[dim] != extent[dim]) return nullptr;
  if (part.extent.rows() > 1 && !window.dense()) return nullptr;
  Index first = 0;
  bool found = false;
  for_each_row({extent, window.row_stride}, part, [&](Index position) {
    if (!found) first = position;
    found = true;
  });
  return element(window, first);
}

}  // namespace tokenwerk
