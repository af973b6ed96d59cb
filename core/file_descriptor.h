#pragma once
/// The owner of an open file, and how files are opened that must be there and end.

#include <unistd.h>

#include <cstddef>
#include <string>

#include "core/unique_handle.h"

namespace tokenwerk {

/// What a POSIX file descriptor is to UniqueHandle. What may be lost by an unsuccessful close was
/// synced before, so that its status has nothing to say.
struct FileDescriptorTraits {
  using Handle = int;
  static Handle none() { return -1; }
  static void release(Handle file) noexcept { ::close(file); }
};
using FileDescriptor = UniqueHandle<FileDescriptorTraits>;

/// A regular file that is open to read, or why it is not.
struct OpenedFile {
  FileDescriptor file;
  std::size_t bytes = 0;
  std::string fault;  ///< "No such file or directory"; empty: it is open
  int error = 0;      ///< its errno; 0: none, or not a regular file
};

/// Opens what has an end and makes nobody wait: a pipe, a device or a folder is a fault.
[[nodiscard]] OpenedFile open_to_read(const std::string& path);

/// Whether an errno says that a file is missing, or that something else has its name. All others
/// say that it cannot be read.
[[nodiscard]] bool says_missing(int error);

/// Whether an errno says that the path is wrong or that its owner forbids it: nothing that another
/// try, or another host, would change.
[[nodiscard]] bool says_wrong_path(int error);

}  // namespace tokenwerk
