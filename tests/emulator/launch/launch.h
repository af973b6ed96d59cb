#pragma once
/// What the stand-in for libcudart asks of launches.

#include <driver_types.h>

#include <string>

namespace tokenwerk::emulator {

/// The error of this thread's last refused launch, which is then forgotten: kernel<<<...>>>
/// drops it, so cudaGetLastError has to report it.
[[nodiscard]] cudaError_t take_launch_error();
/// Why that launch was refused, in words.
[[nodiscard]] const std::string& launch_refusal();

}  // namespace tokenwerk::emulator
