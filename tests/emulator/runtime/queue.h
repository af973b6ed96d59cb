#pragma once
/// What the emulator's launches need of the runtime's streams.

#include <driver_types.h>

#include <functional>

namespace tokenwerk::emulator {

/// Appends an operation to a stream. It is polled until it returns true, which means that it is
/// complete; it never blocks. What it throws ends the stream.
void enqueue(cudaStream_t stream, std::function<bool()> operation);

}  // namespace tokenwerk::emulator
