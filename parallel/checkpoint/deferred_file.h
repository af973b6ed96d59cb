#pragma once
/// A file whose failures wait until somebody asks.

#include <cstddef>
#include <cstdint>
#include <filesystem>

#include "parallel/checkpoint/durable.h"

namespace tokenwerk {

/// A new file for reading and writing at any place. The first failure is kept and all later writes
/// go nowhere: HDF5, which writes through this, crashes at the end of the process when the disk
/// under an open file is full, so it is never told.
class DeferredFile {
 public:
  /// Makes the file anew; failing that throws CheckpointError at once.
  explicit DeferredFile(const std::filesystem::path& path);

  /// The disk begins at once, beside what is done next: a later sync finds little left.
  void write(std::uint64_t offset, const void* data, std::size_t bytes) noexcept;
  /// Bytes behind the end, and those that cannot be read, are zeros.
  void read(std::uint64_t offset, void* data, std::size_t bytes) noexcept;
  void resize(std::uint64_t bytes) noexcept;
  [[nodiscard]] std::uint64_t size() const { return size_; }

  /// Throws CheckpointError, naming the file and what the system said, if anything has failed so
  /// far.
  void check() const;

 private:
  std::filesystem::path path_;
  FileDescriptor file_;
  std::uint64_t size_ = 0;
  std::size_t unsent_ = 0;  ///< bytes written since the system was last told to send some
  int fault_ = 0;           ///< errno of the first failure
};

}  // namespace tokenwerk
