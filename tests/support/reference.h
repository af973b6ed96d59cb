#pragma once
/// What tests of operations share: tensors from plain numbers and back, reproducible random fill,
/// and comparison with a tolerance that comes from the dtype.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "core/tensor.h"

namespace tokenwerk {

/// The device that these tests run on: the one that TOKENWERK_TEST_DEVICE names, or the cpu.
[[nodiscard]] inline DeviceKind test_device_kind() {
  const char* const name = std::getenv("TOKENWERK_TEST_DEVICE");
  return name != nullptr && std::string_view(name) == "cuda" ? DeviceKind::cuda : DeviceKind::cpu;
}

/// The stream of each test's device.
inline std::map<const Device*, Stream*>& test_streams() {
  static std::map<const Device*, Stream*> streams;
  return streams;
}

/// A device and one stream of it, in whose order the test reads and writes arrays.
struct TestDevice {
  TestDevice() { test_streams()[device.get()] = stream.get(); }
  TestDevice(const TestDevice&) = delete;
  TestDevice& operator=(const TestDevice&) = delete;
  ~TestDevice() { test_streams().erase(device.get()); }

  std::unique_ptr<Device> device = make_device(test_device_kind());
  std::unique_ptr<Stream> stream = device->make_stream();
};

/// Whether the host reads and writes the view's elements where they are.
[[nodiscard]] inline bool on_host(const ConstTensorView& view) {
  return view.device == nullptr || view.device->kind() == DeviceKind::cpu;
}

inline void read_bytes(const Device& from, void* to, const void* data, std::size_t bytes) {
  Stream& stream = *test_streams().at(&from);
  stream.device().copy_to_host(stream, to, data, bytes);
  stream.synchronize();
}
inline void write_bytes(const Device& to, void* data, const void* from, std::size_t bytes) {
  Stream& stream = *test_streams().at(&to);
  stream.device().copy_from_host(stream, data, from, bytes);
  stream.synchronize();
}

/// A view's elements in host memory, with what lies between its rows: where they are if the host
/// can, otherwise a copy, which write_back brings to the device.
class HostElements {
 public:
  explicit HostElements(const ConstTensorView& view) : device_(view.device), device_view_(view) {
    const bool none = view.count() == 0;
    if (on_host(view) || none) return;
    const Index elements = (view.rows() - 1) * view.row_stride + view.columns();
    bytes_.resize(static_cast<std::size_t>(elements) * size_of(view.dtype));
    read_bytes(*device_, bytes_.data(), view.data, bytes_.size());
  }

  operator ConstTensorView() const {
    ConstTensorView view = device_view_;
    if (!bytes_.empty()) view.data = bytes_.data();
    view.device = nullptr;
    return view;
  }
  [[nodiscard]] ConstTensorView view() const { return *this; }

  /// The elements that body changes through a view of them.
  template <typename Body>
  static void change(const TensorView& view, const Body& body) {
    HostElements elements(view);
    TensorView host = view;
    host.device = nullptr;
    if (!elements.bytes_.empty()) host.data = elements.bytes_.data();
    body(host);
    if (!elements.bytes_.empty())
      write_bytes(*view.device, view.data, elements.bytes_.data(), elements.bytes_.size());
  }

 private:
  const Device* device_;
  ConstTensorView device_view_;
  std::vector<std::byte> bytes_;  ///< empty where the elements are the host's own
};

/// Distance from 1 to the next number of the dtype.
[[nodiscard]] inline double epsilon_of(DType dtype) {
  switch (dtype) {
    case DType::f64: return 0x1p-52;
    case DType::f32: return 0x1p-23;
    case DType::bf16: return 0x1p-7;
    case DType::i32: return 0.0;
  }
  return 0.0;
}

/// One element; of a device's array by a copy, so that HostElements serves better for many.
[[nodiscard]] inline double element(const ConstTensorView& view, Index row, Index column) {
  if (!on_host(view))
    return element(HostElements(view.slice_rows({row, row + 1}).slice_columns(column, 1)), 0, 0);
  const Index i = row * view.row_stride + column;
  switch (view.dtype) {
    case DType::f64: return view.as<double>()[i];
    case DType::f32: return view.as<float>()[i];
    case DType::bf16: return static_cast<float>(view.as<BFloat16>()[i]);
    case DType::i32: return view.as<std::int32_t>()[i];
  }
  return 0.0;
}

/// Rounds to the view's dtype.
inline void set_element(const TensorView& view, Index row, Index column, double value) {
  if (!on_host(view)) {
    return HostElements::change(view.slice_rows({row, row + 1}).slice_columns(column, 1),
                                [&](const TensorView& one) { set_element(one, 0, 0, value); });
  }
  const Index i = row * view.row_stride + column;
  switch (view.dtype) {
    case DType::f64: view.as<double>()[i] = value; break;
    case DType::f32: view.as<float>()[i] = static_cast<float>(value); break;
    case DType::bf16: view.as<BFloat16>()[i] = BFloat16(static_cast<float>(value)); break;
    case DType::i32: view.as<std::int32_t>()[i] = static_cast<std::int32_t>(value); break;
  }
}

/// The elements of a view, row by row, without what lies between rows.
[[nodiscard]] inline std::vector<double> values_of(const ConstTensorView& device_view) {
  const HostElements elements(device_view);
  const ConstTensorView view = elements;
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(view.count()));
  for (Index r = 0; r < view.rows(); ++r)
    for (Index c = 0; c < view.columns(); ++c) values.push_back(element(view, r, c));
  return values;
}

inline void set_values(const TensorView& view, const std::vector<double>& values) {
  ASSERT_EQ(static_cast<std::size_t>(view.count()), values.size());
  HostElements::change(view, [&](const TensorView& host) {
    for (Index r = 0, i = 0; r < host.rows(); ++r)
      for (Index c = 0; c < host.columns(); ++c, ++i)
        set_element(host, r, c, values[static_cast<std::size_t>(i)]);
  });
}

[[nodiscard]] inline Tensor make_tensor(Device& device, DType dtype, Shape shape,
                                        const std::vector<double>& values) {
  Tensor tensor(device, dtype, shape);
  set_values(tensor, values);
  return tensor;
}

/// Uniform numbers in [-magnitude, magnitude); the same for the same seed (SplitMix64).
inline void fill_random(const TensorView& view, std::uint64_t seed, double magnitude = 1.0) {
  HostElements::change(view, [&](const TensorView& host) {
    std::uint64_t state = seed;
    for (Index r = 0; r < host.rows(); ++r) {
      for (Index c = 0; c < host.columns(); ++c) {
        std::uint64_t z = state += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        const double unit = static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
        set_element(host, r, c, magnitude * (2.0 * unit - 1.0));
      }
    }
  });
}

[[nodiscard]] inline Tensor random_tensor(Device& device, DType dtype, Shape shape,
                                          std::uint64_t seed, double magnitude = 1.0) {
  Tensor tensor(device, dtype, shape);
  fill_random(tensor, seed, magnitude);
  return tensor;
}

/// An array whose rows lie apart: `view` is a window on the middle columns of `whole`. The columns
/// outside the window hold `guard`, so that a stray write shows.
struct StridedTensor {
  static constexpr double guard = 77.0;

  StridedTensor(Device& device, DType dtype, Index rows, Index columns, Index before = 3,
                Index behind = 5)
      : whole(device, dtype, {rows, before + columns + behind}),
        view(whole.view().slice_columns(before, columns)) {
    set_values(whole, std::vector<double>(static_cast<std::size_t>(whole.shape().count()), guard));
  }

  void expect_guards_intact() const {
    const Index first = (view.as<std::byte>() - whole.view().as<std::byte>()) /
                        static_cast<Index>(size_of(view.dtype));
    const HostElements elements(whole);
    const ConstTensorView all = elements;
    for (Index r = 0; r < all.rows(); ++r) {
      for (Index c = 0; c < all.columns(); ++c) {
        if (c >= first && c < first + view.columns()) continue;
        ASSERT_EQ(element(all, r, c), guard) << "row " << r << " column " << c << " was written";
      }
    }
  }

  Tensor whole;
  TensorView view;
};

/// Every element within `factor` epsilons of its dtype, relative to its own size plus the root mean
/// square of all: sums of many terms err by the size of the terms, not of the result.
inline void expect_close(const ConstTensorView& got, const std::vector<double>& want, double factor,
                         double epsilon) {
  ASSERT_EQ(static_cast<std::size_t>(got.count()), want.size());
  const std::vector<double> values = values_of(got);
  double squares = 0.0;
  for (double w : want) squares += w * w;
  const double rms = want.empty() ? 0.0 : std::sqrt(squares / static_cast<double>(want.size()));
  for (Index i = 0; i < got.count(); ++i) {
    const double w = want[static_cast<std::size_t>(i)];
    const double g = values[static_cast<std::size_t>(i)];
    ASSERT_LE(std::abs(g - w), factor * epsilon * (std::abs(w) + rms))
        << "row " << i / got.columns() << " column " << i % got.columns() << ": " << g
        << " instead of " << w;
  }
}
inline void expect_close(const ConstTensorView& got, const std::vector<double>& want,
                         double factor = 8.0) {
  expect_close(got, want, factor, epsilon_of(got.dtype));
}

/// The same numbers, bit for bit (NaN equals nothing).
inline void expect_equal(const ConstTensorView& a, const ConstTensorView& b) {
  ASSERT_EQ(values_of(a), values_of(b));
}

}  // namespace tokenwerk
