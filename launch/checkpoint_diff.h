#pragma once
/// What `tokenwerk checkpoint diff` prints.

#include <filesystem>

namespace tokenwerk {

enum class DiffScope { everything, arrays };

/// Prints what differs between two checkpoints (each a step's folder, or a directory: its newest)
/// and returns whether nothing does. Of scope `arrays`, step and state do not count.
[[nodiscard]] bool print_checkpoint_diff(const std::filesystem::path& a,
                                         const std::filesystem::path& b, DiffScope scope);

}  // namespace tokenwerk
