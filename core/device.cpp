#include "core/device.h"

#include "core/cpu/families.h"
#include "core/device_module.h"
#include "core/simulated/device.h"

namespace tokenwerk {

std::unique_ptr<Device> make_device(DeviceKind kind, int index) {
  if (kind == DeviceKind::cpu) return cpu::make_device();
  if (kind == DeviceKind::simulated) return simulated::make_device();
  using Make = Device* (*)(int index);
  const auto make = reinterpret_cast<Make>(cuda_module_function("tokenwerk_make_cuda_device"));
  return std::unique_ptr<Device>(make(index));
}

}  // namespace tokenwerk
