#pragma once
/// xxh3 (64 bits) of texts and files: what a checkpoint's manifest records of every file.

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "core/data/files.h"

namespace tokenwerk {

[[nodiscard]] std::uint64_t checksum(std::string_view text);

/// Reads the whole file. Throws CheckpointError naming it when that fails.
[[nodiscard]] FileSum checksum_file(const std::filesystem::path& path);

}  // namespace tokenwerk
