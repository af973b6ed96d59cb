#pragma once
/// Files of the data layer: read through memory maps, written aside and renamed when whole.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"
#include "core/file_descriptor.h"

namespace tokenwerk {

/// A whole file as read-only memory. The file must not shrink while it is mapped (the system
/// answers with SIGBUS); replacing it by rename is fine.
class MappedFile {
 public:
  /// Throws DataError when the path is missing, unreadable or not a regular file.
  explicit MappedFile(std::string path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Begins on a page boundary.
  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }
  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(data_), size_};
  }

 private:
  std::string path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// A file that appears under its name only when it is whole: it grows as `PATH.partial`, and
/// `publish` gives it its name. Destroyed unpublished, it leaves nothing. All errors are DataError.
class AsideFile {
 public:
  /// Opens `PATH.partial`, replacing what a killed run has left. Throws when it cannot be written
  /// or another process is writing it.
  explicit AsideFile(std::string path);
  AsideFile(AsideFile&&) noexcept = default;
  AsideFile& operator=(AsideFile&&) = delete;
  ~AsideFile();

  /// The name it will have.
  [[nodiscard]] const std::string& path() const { return path_; }
  /// The name it has until then.
  [[nodiscard]] std::string partial_path() const { return path_ + ".partial"; }

  /// Appends; buffered.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  /// Overwrites bytes written before.
  void write_at(Index offset, std::span<const std::byte> bytes);
  /// Reads back bytes written before.
  void read_at(Index offset, std::span<std::byte> bytes);
  /// Writes out and syncs: from here on the content survives a crash. No more writes.
  void finish();
  /// Renames to the final name and syncs the folder. Finishes first if need be.
  void publish();

 private:
  void flush();

  std::string path_;
  FileDescriptor file_;
  std::vector<std::byte> buffer_;
  Index flushed_ = 0;  ///< bytes in the file; what follows is in `buffer_`
};

/// What a file holds, in short.
struct FileSum {
  std::uint64_t bytes = 0;
  std::uint64_t xxh3 = 0;
  friend bool operator==(const FileSum&, const FileSum&) = default;
};

/// Size and XXH3-64 of a file's content. Throws DataError when it cannot be read.
[[nodiscard]] FileSum sum_of_file(const std::string& path);
[[nodiscard]] FileSum sum_of(std::string_view content);

/// XXH3-64 as sixteen hexadecimal digits.
[[nodiscard]] std::string hexadecimal(std::uint64_t value);

/// Reads a small file whole. Throws DataError when it cannot, or is above `limit` bytes.
[[nodiscard]] std::string read_small_file(const std::string& path, Index limit);

/// Removes a file if it is there. Throws DataError when it cannot.
void remove_file(const std::string& path);

}  // namespace tokenwerk
