#pragma once
/// Maker of the simulated device.

#include <memory>

#include "core/device.h"

namespace tokenwerk::simulated {

/// Memory of this device is counted and never touched, operations do nothing, and what is copied to
/// the host is zero: what a program holds is known without holding it.
[[nodiscard]] std::unique_ptr<Device> make_device();

}  // namespace tokenwerk::simulated
