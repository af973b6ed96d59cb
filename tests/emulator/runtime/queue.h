#pragma once
/// Streams as queues of operations. One executor polls the head of every stream; it runs in a
/// thread of its own, and in a host thread while that one waits, so that waiting costs no switch.

#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>
#include <optional>

namespace tokenwerk::emulator {

/// True once complete; polled, never blocks. What it throws becomes a fault of the device.
using Operation = std::function<bool()>;

/// Appends work to a stream; null is the legacy default stream of this thread's device. Work for
/// what is not a stream is a fault.
void enqueue(cudaStream_t stream, Operation operation);

/// Whether the handle is a stream that lives, or null.
[[nodiscard]] bool is_stream(cudaStream_t stream);

/// Waits and works at the queues meanwhile, until `done` or until the device is lost. The
/// condition is asked often, in one thread at a time, and must not call the queues itself.
void wait_until(const std::function<bool()>& done);

/// Plays the schedule of another seed from now on, or none; waits for all work first.
void play_schedule(std::optional<std::uint64_t> seed);

/// Waits for all that stands in the stream now.
void wait_for_stream(cudaStream_t stream);

/// Waits for all that stands in the streams of the device now.
void wait_for_device(int device);

}  // namespace tokenwerk::emulator
