#pragma once
/// xxh3 (64 bits) of texts and files: what a checkpoint's manifest records of every file.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "core/data/files.h"
#include "core/file_descriptor.h"

struct XXH3_state_s;

namespace tokenwerk {

[[nodiscard]] std::uint64_t checksum(std::string_view text);

/// What the state of a sum is to UniqueHandle.
struct SumStateTraits {
  using Handle = XXH3_state_s*;
  static Handle none() { return nullptr; }
  static void release(Handle state) noexcept;
};

/// The sum of a file, read a while at a time. Throws as durable.h reads.
class FileSumming {
 public:
  using Clock = std::chrono::steady_clock;

  explicit FileSumming(std::filesystem::path path);
  /// Reads on, for at least one block; true when the file has ended, false when that time has come.
  [[nodiscard]] bool ends_by(Clock::time_point time);
  [[nodiscard]] FileSum sum() const;

 private:
  std::filesystem::path path_;
  FileDescriptor file_;
  UniqueHandle<SumStateTraits> state_;
  std::unique_ptr<char[]> block_;
  std::uint64_t bytes_ = 0;
};

/// Reads the whole file.
[[nodiscard]] FileSum checksum_file(const std::filesystem::path& path);

}  // namespace tokenwerk
