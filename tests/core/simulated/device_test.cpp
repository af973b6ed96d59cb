/// The simulated device counts memory that nobody has.

#include "core/device.h"

#include <gtest/gtest.h>

#include <array>

#include "core/ops/elementwise.h"

namespace tokenwerk {
namespace {

TEST(SimulatedDevice, CountsWhatTheCpuDeviceCounts) {
  const auto simulated = make_device(DeviceKind::simulated), real = make_device(DeviceKind::cpu);
  for (Device* device : {simulated.get(), real.get()}) {
    const Tensor kept(*device, DType::bf16, Shape{3, 5});
    { const Tensor gone(*device, DType::f32, Shape{100, 7}); }
    const Tensor empty(*device, DType::f32, Shape{0});
    EXPECT_EQ(device->memory().current, 30u);
    EXPECT_EQ(device->memory().peak, 2830u);
    EXPECT_EQ(device->memory().allocations, 3u);
    device->reset_peak();
    EXPECT_EQ(device->memory().peak, 30u);
  }
  EXPECT_EQ(simulated->memory().current, 0u);
}

TEST(SimulatedDevice, HoldsMoreThanAnyMachine) {
  const auto device = make_device(DeviceKind::simulated);
  const auto stream = device->make_stream();
  const Tensor a(*device, DType::f32, Shape{Index{1} << 50}), b(*device, DType::f32, Shape{4});
  EXPECT_NE(a.view().data, b.view().data);
  fill(*stream, a, 1.0);
  std::array<float, 4> host{1.0f, 2.0f, 3.0f, 4.0f};
  device->copy_from_host(*stream, b.view().data, host.data(), sizeof(host));
  device->copy_to_host(*stream, host.data(), b.view().data, sizeof(host));
  EXPECT_EQ(host, (std::array<float, 4>{}));
  EXPECT_THROW((void)device->allocate(std::size_t{1} << 62), DeviceError);
}

}  // namespace
}  // namespace tokenwerk
