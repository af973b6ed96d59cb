#include "launch/append_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <numeric>
#include <system_error>
#include <utility>

#include "core/log.h"
#include "launch/counted.h"

namespace tokenwerk {
namespace fs = std::filesystem;
namespace {

/// The size of the open file; below 0 where it cannot be told.
off_t size_of(const FileDescriptor& file) {
  struct stat facts {};
  return ::fstat(file.get(), &facts) == 0 ? facts.st_size : -1;
}

bool is_at(const FileDescriptor& file, const fs::path& path) {
  struct stat open {
  }, there{};
  return ::fstat(file.get(), &open) == 0 && ::stat(path.c_str(), &there) == 0 &&
         open.st_dev == there.st_dev && open.st_ino == there.st_ino;
}

/// Takes back what was written last, unless another process has written after it.
void take_back(const FileDescriptor& file, std::size_t bytes) {
  const off_t end = ::lseek(file.get(), 0, SEEK_CUR);
  if (bytes == 0 || end < 0 || end != size_of(file)) return;
  // Where this fails too, the next line begins with the end of this one.
  [[maybe_unused]] const int status = ::ftruncate(file.get(), end - static_cast<off_t>(bytes));
}

std::size_t bytes_of(const std::deque<std::string>& records) {
  return std::accumulate(
      records.begin(), records.end(), std::size_t{0},
      [](std::size_t sum, const std::string& record) { return sum + record.size(); });
}

}  // namespace

bool keep_open(FileDescriptor& file, const fs::path& path, int flags) {
  if (file && is_at(file, path)) return true;
  const bool was_there = static_cast<bool>(file);
  std::error_code ignored;
  if (was_there) fs::create_directories(path.parent_path(), ignored);
  FileDescriptor again(::open(path.c_str(), flags | O_CREAT | O_CLOEXEC, 0666));
  if (!again) return false;
  file = std::move(again);
  if (was_there)
    log_warning("{}: was removed or renamed while in use; it is made again", path.string());
  return true;
}

AppendFile::AppendFile(fs::path path, Records kind, std::string begin, std::size_t most)
    : path_(std::move(path)), kind_(kind), begin_(std::move(begin)), most_(most) {}

AppendFile::~AppendFile() {
  if (waiting_.empty()) return;
  flush();
  if (const std::size_t lost = waiting_.size() + dropped_; !waiting_.empty())
    log_warning("{}: {} lost: it still cannot be written", path_.string(),
                count_of(static_cast<Index>(lost), "record"));
}

void AppendFile::append(std::string record) {
  waiting_bytes_ += record.size();
  waiting_.push_back(std::move(record));
  flush();
}

void AppendFile::flush() {
  // Whole lines end with \n, which is looked for, hence O_RDWR.
  if (!keep_open(file_, path_, O_RDWR | O_APPEND)) return fail(errno);
  while (!waiting_.empty()) {
    if (!write(waiting_.front())) return fail(errno);
    waiting_bytes_ -= waiting_.front().size();
    waiting_.pop_front();
  }
  recover();
}

void AppendFile::forget_if(const std::function<bool(const std::string&)>& unwanted) {
  std::erase_if(waiting_, unwanted);
  waiting_bytes_ = bytes_of(waiting_);
}

/// One write a record, so that those of two processes do not mix.
bool AppendFile::write(const std::string& record) {
  const std::string bytes = before(record) + record;
  for (std::size_t written = 0; written < bytes.size();) {
    const ssize_t now = ::write(file_.get(), bytes.data() + written, bytes.size() - written);
    if (now < 0 && errno == EINTR) continue;
    if (now <= 0) {
      const int error = now < 0 ? errno : ENOSPC;
      take_back(file_, written);
      errno = error;
      return false;
    }
    written += static_cast<std::size_t>(now);
  }
  return true;
}

std::string AppendFile::before(const std::string& record) const {
  const off_t size = size_of(file_);
  if (size == 0) return begin_;
  char last = '\n';
  if (kind_ == Records::lines && size > 0) (void)!::pread(file_.get(), &last, 1, size - 1);
  return last == '\n' || record.empty() ? "" : "\n";
}

void AppendFile::fail(int error) {
  if (!std::exchange(failing_, true))
    log_warning("{}: cannot be written: {}; what is new is kept in memory until it can",
                path_.string(), std::strerror(error));
  for (; waiting_bytes_ > most_; ++dropped_) {
    waiting_bytes_ -= waiting_.front().size();
    waiting_.pop_front();
  }
}

void AppendFile::recover() {
  if (!std::exchange(failing_, false)) return;
  log_info("{}: can be written again", path_.string());
  if (const auto lost = static_cast<Index>(std::exchange(dropped_, 0)); lost > 0)
    log_warning("{}: {} lost, which did not fit into memory meanwhile", path_.string(),
                count_of(lost, "record"));
}

}  // namespace tokenwerk
