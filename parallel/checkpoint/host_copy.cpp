#include "parallel/checkpoint/host_copy.h"

namespace tokenwerk {

bool in_host_memory(const Device* device) {
  return device == nullptr || device->kind() == DeviceKind::cpu;
}

std::size_t span_bytes(const ConstTensorView& window) {
  if (window.count() == 0) return 0;
  const Index elements = (window.rows() - 1) * window.row_stride + window.columns();
  return static_cast<std::size_t>(elements) * size_of(window.dtype);
}

HostCopy::HostCopy(const ConstTensorView& window) : view_(window) {
  if (in_host_memory(window.device) || window.count() == 0) return;
  bytes_.resize(span_bytes(window));
  const auto stream = window.device->make_stream();
  window.device->copy_to_host(*stream, bytes_.data(), window.data, bytes_.size());
  stream->synchronize();
  view_.data = bytes_.data();
  view_.device = nullptr;
}

TensorView HostTarget::view() {
  if (in_host_memory(window_.device)) return window_;
  bytes_.resize(static_cast<std::size_t>(window_.count()) * size_of(window_.dtype));
  return {bytes_.data(), window_.shape, window_.columns(), window_.dtype, nullptr};
}

void HostTarget::flush() {
  if (bytes_.empty()) return;
  Device& device = *window_.device;
  const auto stream = device.make_stream();
  const Index rows = window_.dense() ? 1 : window_.rows();
  const std::size_t row = bytes_.size() / static_cast<std::size_t>(rows);
  for (Index i = 0; i < rows; ++i) {
    const auto at = static_cast<std::size_t>(i * window_.row_stride) * size_of(window_.dtype);
    device.copy_from_host(*stream, window_.as<std::byte>() + at,
                          bytes_.data() + static_cast<std::size_t>(i) * row, row);
  }
  stream->synchronize();
  bytes_ = {};
}

}  // namespace tokenwerk
