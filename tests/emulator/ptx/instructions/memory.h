#pragma once
/// What loads, stores and atomics have in common.

#include "tests/emulator/ptx/decoding.h"

namespace tokenwerk::emulator::ptx {

/// Takes the space, the order and scope, and the cache hints, which change nothing here.
[[nodiscard]] Access take_access(Decoding& d);

}  // namespace tokenwerk::emulator::ptx
