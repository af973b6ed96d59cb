#pragma once
/// What tests ask the stand-in for cuDNN.

namespace tokenwerk::emulator {

/// Graphs executed by this process so far.
[[nodiscard]] int cudnn_executions();

}  // namespace tokenwerk::emulator
