#include "parallel/checkpoint/deferred_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace tokenwerk {
namespace {

constexpr std::size_t send_bytes = std::size_t{8} << 20;

}  // namespace

DeferredFile::DeferredFile(const std::filesystem::path& path)
    : path_(path), file_(open_file(path, O_RDWR | O_CREAT | O_TRUNC)) {}

void DeferredFile::write(std::uint64_t offset, const void* data, std::size_t bytes) noexcept {
  const auto* from = static_cast<const char*>(data);
  while (bytes > 0 && fault_ == 0) {
    const ssize_t put = ::pwrite(file_.get(), from, bytes, static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) fault_ = put < 0 ? errno : EIO;
    if (put <= 0) break;
    from += put;
    offset += static_cast<std::uint64_t>(put);
    bytes -= static_cast<std::size_t>(put);
    unsent_ += static_cast<std::size_t>(put);
  }
  size_ = std::max(size_, offset + bytes);
  if (unsent_ < send_bytes) return;
  (void)::sync_file_range(file_.get(), 0, 0, SYNC_FILE_RANGE_WRITE);  // only a hint
  unsent_ = 0;
}

void DeferredFile::read(std::uint64_t offset, void* data, std::size_t bytes) noexcept {
  auto* to = static_cast<char*>(data);
  while (bytes > 0) {
    const ssize_t got = ::pread(file_.get(), to, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && fault_ == 0) fault_ = errno;
    if (got <= 0) break;
    to += got;
    offset += static_cast<std::uint64_t>(got);
    bytes -= static_cast<std::size_t>(got);
  }
  std::memset(to, 0, bytes);
}

void DeferredFile::resize(std::uint64_t bytes) noexcept {
  size_ = bytes;
  if (fault_ == 0 && ::ftruncate(file_.get(), static_cast<off_t>(bytes)) != 0) fault_ = errno;
}

void DeferredFile::check() const {
  TW_CHECK_AS(CheckpointError, fault_ == 0, path_.string(),
              ": cannot write: ", system_error(fault_));
}

}  // namespace tokenwerk
