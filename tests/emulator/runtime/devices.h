#pragma once
/// The devices of this process.

namespace tokenwerk::emulator {

/// The device of the calling thread; 0 until cudaSetDevice says otherwise.
[[nodiscard]] int current_device();

}  // namespace tokenwerk::emulator
