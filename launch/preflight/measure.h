#pragma once
/// What a rank measures of its own host, at the same time as all others.

#include <filesystem>
#include <functional>

#include "launch/preflight/figures.h"
#include "parallel/comm/environment.h"

namespace tokenwerk {

/// Matrix product (f32 on a cpu, bf16 on a GPU) and memory speed, for about a second and a half,
/// and on each host's first rank the memory that nobody uses. All ranks call together: those of a
/// host share it as they do in training. `disturb` runs before each product that is measured,
/// within its time.
[[nodiscard]] Figures measured_compute(Device& device, Communicator& ranks, Index lane,
                                       const std::function<void()>& disturb);

/// Writing, syncing and reading back a file in the folder; removes it. Throws Error naming the
/// folder where that fails.
[[nodiscard]] Figures measured_disk(const std::filesystem::path& folder, std::size_t bytes);

}  // namespace tokenwerk
