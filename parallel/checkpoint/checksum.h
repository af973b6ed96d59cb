#pragma once
/// xxh3 (64 bits) of texts and files: what a checkpoint's manifest records of every file.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace tokenwerk {

/// Size and sum of a file's bytes.
struct FileSum {
  std::uint64_t bytes = 0;
  std::uint64_t xxh3 = 0;
  friend bool operator==(const FileSum&, const FileSum&) = default;
};

[[nodiscard]] std::uint64_t checksum(std::string_view text);

/// Reads the whole file. Throws CheckpointError naming it when that fails.
[[nodiscard]] FileSum checksum_file(const std::filesystem::path& path);

/// 16 hexadecimal digits, as manifests spell a sum.
[[nodiscard]] std::string hex(std::uint64_t sum);

}  // namespace tokenwerk
