// A program of somebody else: uses the installed library, knows nothing of its sources.
#include <fmt/core.h>

#include "core/ops/elementwise.h"
#include "core/tensor.h"

int main() {
  using namespace tokenwerk;
  const auto device = make_device(DeviceKind::cpu);
  const auto stream = device->make_stream();
  Tensor x(*device, DType::f32, {3, 5});
  Tensor total(*device, DType::f64, {1});
  fill(*stream, x, 2.0);
  sum(*stream, total, x, Write::overwrite);
  stream->synchronize();
  const double value = *total.view().as<double>();
  fmt::print("sum of 15 twos: {}\n", value);
  return value == 30.0 ? 0 : 1;
}
