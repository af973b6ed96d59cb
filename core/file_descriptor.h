#pragma once
/// The owner of an open file.

#include <unistd.h>

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

}  // namespace tokenwerk
