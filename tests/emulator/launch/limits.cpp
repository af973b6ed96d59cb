#include "tests/emulator/launch/limits.h"

#include <fmt/core.h>

#include <algorithm>

namespace tokenwerk::emulator {
namespace {

std::string in_words(const ptx::Sizes& sizes) {
  return fmt::format("{}x{}x{}", sizes[0], sizes[1], sizes[2]);
}

LaunchRefusal check_sizes(const ptx::LaunchShape& shape) {
  const auto& grid = shape.grid;
  const auto& block = shape.block;
  const std::uint64_t threads = std::uint64_t{block[0]} * block[1] * block[2];
  if (threads == 0 || threads > max_block_threads || block[2] > max_block_depth)
    return {cudaErrorInvalidConfiguration, fmt::format("a block of {} threads", in_words(block))};
  const bool is_empty = grid[0] == 0 || grid[1] == 0 || grid[2] == 0;
  if (is_empty || grid[0] > max_grid_x || grid[1] > max_grid_yz || grid[2] > max_grid_yz)
    return {cudaErrorInvalidConfiguration, fmt::format("a grid of {} blocks", in_words(grid))};
  return {};
}

LaunchRefusal check_bounds(const ptx::LaunchBounds& bounds, const ptx::LaunchShape& shape) {
  if (bounds.max_threads != 0 && shape.block_threads() > bounds.max_threads)
    return {cudaErrorLaunchOutOfResources,
            fmt::format("{} threads a block, but its launch bounds say {}", shape.block_threads(),
                        bounds.max_threads)};
  if (bounds.required_threads[0] != 0 && shape.block != bounds.required_threads)
    return {cudaErrorInvalidConfiguration,
            fmt::format("a block of {} threads, but it requires {}", in_words(shape.block),
                        in_words(bounds.required_threads))};
  return {};
}

LaunchRefusal check_shared(const ptx::Program& program, const ptx::LaunchShape& shape,
                           std::size_t allowed) {
  const std::size_t all = program.static_shared_bytes + shape.dynamic_shared_bytes;
  if (all > max_shared_bytes)
    return {cudaErrorInvalidValue,
            fmt::format("{} bytes of shared memory a block, of {} at most", all, max_shared_bytes)};
  const bool is_permitted = shape.dynamic_shared_bytes <= allowed;
  if (all > shared_without_permission && !is_permitted)
    return {cudaErrorInvalidValue,
            fmt::format("{} bytes of dynamic shared memory, but cudaFuncSetAttribute allows {}",
                        shape.dynamic_shared_bytes,
                        std::max(allowed, shared_without_permission -
                                              std::min(shared_without_permission,
                                                       program.static_shared_bytes)))};
  return {};
}

}  // namespace

LaunchRefusal check_launch(const ptx::Program& program, const ptx::LaunchShape& shape,
                           std::size_t allowed_dynamic_shared) {
  LaunchRefusal refusal = check_sizes(shape);
  if (refusal.error == cudaSuccess) refusal = check_bounds(program.bounds, shape);
  if (refusal.error == cudaSuccess) refusal = check_shared(program, shape, allowed_dynamic_shared);
  if (refusal.error != cudaSuccess)
    refusal.reason = fmt::format("launch of {} refused: {}", program.name, refusal.reason);
  return refusal;
}

}  // namespace tokenwerk::emulator
