#include "tests/emulator/runtime/faults.h"

#include <fmt/core.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "tests/emulator/runtime/settings.h"

namespace tokenwerk::emulator {
namespace {

std::atomic<cudaError_t> fault_of_device = cudaSuccess;
thread_local cudaError_t last_error = cudaSuccess;

}  // namespace

void complain(std::string_view what) {
  const char* rank = std::getenv("OMPI_COMM_WORLD_RANK");
  const auto line = rank == nullptr ? fmt::format("emulated CUDA: {}\n", what)
                                    : fmt::format("rank {}: emulated CUDA: {}\n", rank, what);
  std::fputs(line.c_str(), stderr);
}

void report_fault(cudaError_t error, std::string_view reason) {
  static std::mutex mutex;
  const std::scoped_lock lock(mutex);
  if (fault_of_device != cudaSuccess) return;
  complain(fmt::format("{}: {}", cudaGetErrorName(error), reason));
  fault_of_device = error;  // after the words, which who sees the error wants to read
}

cudaError_t standing_fault() { return fault_of_device; }

void forget_fault() {
  fault_of_device = cudaSuccess;
  last_error = cudaSuccess;
}

cudaError_t remember(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

cudaError_t reason_to_refuse() {
  if (device_count() == 0) return cudaErrorNoDevice;
  return inside_host_function() ? cudaErrorNotPermitted : standing_fault();
}

bool& inside_host_function() {
  thread_local bool inside = false;
  return inside;
}

}  // namespace tokenwerk::emulator

using namespace tokenwerk::emulator;

cudaError_t CUDARTAPI cudaGetLastError() {
  const auto error = cudaPeekAtLastError();
  last_error = cudaSuccess;
  return error;
}

cudaError_t CUDARTAPI cudaPeekAtLastError() {
  const auto fault = standing_fault();
  return fault != cudaSuccess ? fault : last_error;
}
