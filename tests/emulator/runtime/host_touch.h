#pragma once
/// Names the allocation when the host follows a device pointer, which ends the program.

#include <cstddef>

namespace tokenwerk::emulator {

/// From now on a segmentation fault inside the range is explained before the program ends by it.
void watch_for_host_touches(const void* begin, std::size_t bytes);

}  // namespace tokenwerk::emulator
