#include "core/data/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include "core/error.h"
#include "core/log.h"

namespace tokenwerk {
namespace {

constexpr std::size_t buffer_bytes = std::size_t{1} << 20;

OpenedFile opened(const std::string& path) {
  OpenedFile file = open_to_read(path);
  if (!file.file && !says_wrong_path(file.error))
    TW_RAISE(UnreadableError, path, ": cannot be read: ", file.fault);
  TW_CHECK_AS(DataError, file.file, path, ": cannot open: ", file.fault);
  return file;
}

/// Makes the names in a file's folder durable.
void sync_folder_of(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  const FileDescriptor file(
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  TW_CHECK_AS(DataError, file && fsync(file.get()) == 0, folder.string(),
              ": cannot sync the folder: ", std::strerror(errno));
}

}  // namespace

MappedFile::MappedFile(std::string path) : path_(std::move(path)) {
  const OpenedFile there = opened(path_);
  size_ = there.bytes;
  if (size_ == 0) return;  // an empty mapping is an error to mmap, not to us
  void* data = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, there.file.get(), 0);
  TW_CHECK_AS(UnreadableError, data != MAP_FAILED, path_, ": cannot map: ", std::strerror(errno));
  data_ = static_cast<const std::byte*>(data);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
}

AsideFile::AsideFile(std::string path) : path_(std::move(path)) {
  const std::string partial = partial_path();
  FileDescriptor file(::open(partial.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  TW_CHECK_AS(DataError, file, partial, ": cannot write: ", std::strerror(errno));
  // The lock comes before the truncation, so that a second writer does not empty the first one's
  // file; and the name must still be ours, or we would write into what has just been published.
  struct stat opened {
  }, named{};
  const bool ours = flock(file.get(), LOCK_EX | LOCK_NB) == 0 && fstat(file.get(), &opened) == 0 &&
                    ::stat(partial.c_str(), &named) == 0 && opened.st_ino == named.st_ino;
  TW_CHECK_AS(DataError, ours, partial, ": another process is writing it");
  TW_CHECK_AS(DataError, ftruncate(file.get(), 0) == 0, partial, ": ", std::strerror(errno));
  file_ = std::move(file);
}

AsideFile::~AsideFile() {
  if (file_ && unlink(partial_path().c_str()) != 0)
    log_warning("{}: cannot remove: {}", partial_path(), std::strerror(errno));
}

void AsideFile::write(std::span<const std::byte> bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  if (buffer_.size() >= buffer_bytes) flush();
}

void AsideFile::flush() {
  write_at(flushed_, buffer_);
  flushed_ += static_cast<Index>(buffer_.size());
  buffer_.clear();
}

void AsideFile::write_at(Index offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = pwrite(file_.get(), bytes.data(), bytes.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    TW_CHECK_AS(DataError, count > 0, partial_path(), ": cannot write: ", std::strerror(errno));
    offset += count;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void AsideFile::read_at(Index offset, std::span<std::byte> bytes) {
  if (!buffer_.empty()) flush();
  while (!bytes.empty()) {
    const ssize_t count = pread(file_.get(), bytes.data(), bytes.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    TW_CHECK_AS(DataError, count > 0, partial_path(), ": cannot read back");
    offset += count;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void AsideFile::finish() {
  flush();
  TW_CHECK_AS(DataError, fsync(file_.get()) == 0, partial_path(),
              ": cannot sync: ", std::strerror(errno));
}

void AsideFile::publish() {
  if (!buffer_.empty()) finish();
  TW_CHECK_AS(DataError, std::rename(partial_path().c_str(), path_.c_str()) == 0, path_,
              ": cannot rename: ", std::strerror(errno));
  file_.reset();  // held until here: the lock keeps other writers away from the partial file
  sync_folder_of(path_);
}

FileSum sum_of(std::string_view content) {
  return {content.size(), XXH3_64bits(content.data(), content.size())};
}

FileSum sum_of_file(const std::string& path) {
  const FileDescriptor file = opened(path).file;
  struct Release {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  const std::unique_ptr<XXH3_state_t, Release> state(XXH3_createState());
  TW_CHECK(state != nullptr && XXH3_64bits_reset(state.get()) == XXH_OK, "no memory for a sum");
  std::vector<std::byte> buffer(buffer_bytes);
  std::uint64_t bytes = 0;
  while (true) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    TW_CHECK_AS(UnreadableError, count >= 0, path, ": cannot be read: ", std::strerror(errno));
    if (count == 0) return {bytes, XXH3_64bits_digest(state.get())};
    XXH3_64bits_update(state.get(), buffer.data(), static_cast<std::size_t>(count));
    bytes += static_cast<std::uint64_t>(count);
  }
}

std::string hexadecimal(std::uint64_t value) { return fmt::format("{:016x}", value); }

std::string read_small_file(const std::string& path, Index limit) {
  const MappedFile file(path);
  TW_CHECK_AS(DataError, static_cast<Index>(file.bytes().size()) <= limit, path, ": ",
              file.bytes().size(), " bytes, and at most ", limit, " are expected");
  return std::string(file.text());
}

void remove_file(const std::string& path) {
  TW_CHECK_AS(DataError, unlink(path.c_str()) == 0 || errno == ENOENT, path,
              ": cannot remove: ", std::strerror(errno));
}

}  // namespace tokenwerk
