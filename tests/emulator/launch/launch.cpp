/// libcudart's launch entry points: arguments are captured at once, the kernel runs when its
/// stream comes to it.

#include "tests/emulator/launch/launch.h"

#include <cuda_runtime_api.h>

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "tests/emulator/launch/limits.h"
#include "tests/emulator/launch/registry.h"
#include "tests/emulator/runtime/queue.h"

namespace tokenwerk::emulator {
namespace {

/// Of kernel<<<grid, block, shared, stream>>>, between the two calls that nvcc makes of it.
struct CallConfiguration {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;
  cudaStream_t stream = nullptr;
};

struct ThreadState {
  std::vector<CallConfiguration> configurations;
  LaunchRefusal refusal;
};

ThreadState& thread_state() {
  thread_local ThreadState state;
  return state;
}

cudaError_t refuse(LaunchRefusal refusal) {
  thread_state().refusal = std::move(refusal);
  return thread_state().refusal.error;
}

cudaError_t launch(const void* function, dim3 grid, dim3 block, void** arguments,
                   std::size_t shared_bytes, cudaStream_t stream) {
  const RegisteredKernel kernel = registered_kernel(function);
  const ptx::Program& program = kernel.owner->module().kernel(kernel.name);
  const ptx::LaunchShape shape{{grid.x, grid.y, grid.z}, {block.x, block.y, block.z}, shared_bytes};
  LaunchRefusal refusal = check_launch(program, shape, kernel.allowed_dynamic_shared);
  if (refusal.error != cudaSuccess) return refuse(std::move(refusal));
  const std::span<const void* const> given(arguments, program.parameters.size());
  enqueue(stream, [&program, shape, packed = ptx::Module::pack_arguments(program, given)] {
    execute(program, shape, memory_map(), packed);
    return true;
  });
  return cudaSuccess;
}

/// Blocks run one after the other, so they can neither form clusters nor wait for each other.
bool needs_blocks_together(const cudaLaunchConfig_t& config) {
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const cudaLaunchAttribute& attribute = config.attrs[i];
    const auto& cluster = attribute.val.clusterDim;
    if (attribute.id == cudaLaunchAttributeCooperative && attribute.val.cooperative != 0)
      return true;
    if (attribute.id == cudaLaunchAttributeClusterDimension &&
        cluster.x * cluster.y * cluster.z > 1)
      return true;
  }
  return false;
}

}  // namespace

cudaError_t take_launch_error() { return std::exchange(thread_state().refusal.error, cudaSuccess); }

const std::string& launch_refusal() { return thread_state().refusal.reason; }

}  // namespace tokenwerk::emulator

using tokenwerk::emulator::launch;
using tokenwerk::emulator::needs_blocks_together;
using tokenwerk::emulator::refuse;
using tokenwerk::emulator::thread_state;

extern "C" {

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, std::size_t shared_bytes,
                                     cudaStream_t stream) {
  thread_state().configurations.push_back({grid, block, shared_bytes, stream});
  return 0;
}

cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, std::size_t* shared_bytes,
                                       void* stream) {
  auto& configurations = thread_state().configurations;
  if (configurations.empty()) return cudaErrorMissingConfiguration;
  *grid = configurations.back().grid;
  *block = configurations.back().block;
  *shared_bytes = configurations.back().shared_bytes;
  *static_cast<cudaStream_t*>(stream) = configurations.back().stream;
  configurations.pop_back();
  return cudaSuccess;
}

/// A kernel's handle is its host function.
cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* function) {
  *kernel = static_cast<cudaKernel_t>(const_cast<void*>(function));
  return cudaSuccess;
}

cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments,
                               std::size_t shared_bytes, cudaStream_t stream) {
  return launch(kernel, grid, block, arguments, shared_bytes, stream);
}

cudaError_t cudaLaunchKernel(const void* function, dim3 grid, dim3 block, void** arguments,
                             std::size_t shared_bytes, cudaStream_t stream) {
  return launch(function, grid, block, arguments, shared_bytes, stream);
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* function,
                                void** arguments) {
  if (needs_blocks_together(*config))
    return refuse({cudaErrorNotSupported, "cooperative launches and clusters are not emulated"});
  return launch(function, config->gridDim, config->blockDim, arguments, config->dynamicSmemBytes,
                config->stream);
}

}  // extern "C"
