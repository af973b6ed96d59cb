#include "core/file_descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace tokenwerk {

OpenedFile open_to_read(const std::string& path) {
  // To open a pipe without O_NONBLOCK is to wait for its writer.
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file || fstat(file.get(), &status) != 0) return {{}, 0, std::strerror(errno), errno};
  if (S_ISDIR(status.st_mode)) return {{}, 0, std::strerror(EISDIR), EISDIR};
  if (!S_ISREG(status.st_mode)) return {{}, 0, "not a regular file", 0};
  return {std::move(file), static_cast<std::size_t>(status.st_size), {}, 0};
}

bool says_missing(int error) {
  switch (error) {
    case 0:  // no errno: it is no regular file
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case ENXIO:    // a socket
    case ENOTSUP:  // the size of what has none
      return true;
    default: return false;
  }
}

bool says_wrong_path(int error) { return says_missing(error) || error == EACCES || error == EPERM; }

}  // namespace tokenwerk
