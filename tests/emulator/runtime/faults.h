#pragma once
/// What goes wrong: errors of a call, which the calling thread can ask for, and faults of queued
/// work, after which the device is lost, as on a GPU.

#include <cuda_runtime_api.h>

#include <string_view>

namespace tokenwerk::emulator {

/// Prints what is wrong, with the rank if mpirun started this process.
void complain(std::string_view what);

/// Queued work did what a GPU cannot survive: from now on every call returns `error`. The first
/// reason is printed; what stands in the queues is dropped.
void report_fault(cudaError_t error, std::string_view reason);

/// The error of the first fault, or success.
[[nodiscard]] cudaError_t standing_fault();

/// Makes the device usable again, which only tests may want.
void forget_fault();

/// Keeps an error of a call for cudaGetLastError of this thread, and returns it.
cudaError_t remember(cudaError_t error);

/// Whether this thread is inside a function given to cudaLaunchHostFunc, where CUDA allows no
/// calls.
[[nodiscard]] bool& inside_host_function();

/// Why no call can be made here and now: there is no device, it is lost, or the thread is inside a
/// host function; success otherwise.
[[nodiscard]] cudaError_t reason_to_refuse();

/// Runs the body of an entry point unless the call must be refused, and keeps the error.
template <typename Body>
cudaError_t api_call(const Body& body) {
  const auto refusal = reason_to_refuse();
  return remember(refusal == cudaSuccess ? body() : refusal);
}

}  // namespace tokenwerk::emulator
