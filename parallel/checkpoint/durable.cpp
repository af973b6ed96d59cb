#include "parallel/checkpoint/durable.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

namespace tokenwerk {
namespace fs = std::filesystem;
namespace {

void sync_descriptor(const fs::path& path, const FileDescriptor& file) {
  int status = 0;
  do status = ::fsync(file.get());
  while (status != 0 && errno == EINTR);
  TW_CHECK_AS(CheckpointError, status == 0, path.string(), ": cannot sync: ", system_error(errno));
}

/// A file that goes unless it gets its name: half of one takes room on a disk that is full.
class UnlessRenamed {
 public:
  explicit UnlessRenamed(fs::path path) : path_(std::move(path)) {}
  UnlessRenamed(const UnlessRenamed&) = delete;
  UnlessRenamed& operator=(const UnlessRenamed&) = delete;
  ~UnlessRenamed() {
    std::error_code ignored;
    if (!renamed_) fs::remove(path_, ignored);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }
  void rename(const fs::path& to) {
    rename_path(path_, to);
    renamed_ = true;
  }

 private:
  fs::path path_;
  bool renamed_ = false;
};

}  // namespace

std::string system_error(int error) { return std::generic_category().message(error); }

FileDescriptor open_file(const fs::path& path, int flags) {
  FileDescriptor file(::open(path.c_str(), flags | O_CLOEXEC, 0666));
  TW_CHECK_AS(CheckpointError, file, path.string(), ": cannot open: ", system_error(errno));
  return file;
}

FileDescriptor open_regular_file(const fs::path& path) {
  OpenedFile opened = open_to_read(path.string());
  if (!opened.file && !says_missing(opened.error))
    TW_RAISE(UnreadableError, path.string(), ": cannot be read: ", opened.fault);
  TW_CHECK_AS(CheckpointError, opened.file, path.string(), ": cannot open: ", opened.fault);
  return std::move(opened.file);
}

std::size_t read_some(const fs::path& path, const FileDescriptor& file, void* to,
                      std::size_t bytes) {
  for (;;) {
    const ssize_t got = ::read(file.get(), to, bytes);
    if (got < 0 && errno == EINTR) continue;
    TW_CHECK_AS(UnreadableError, got >= 0, path.string(),
                ": cannot be read: ", system_error(errno));
    return static_cast<std::size_t>(got);
  }
}

void write_all(const fs::path& path, const FileDescriptor& file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(file.get(), text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    TW_CHECK_AS(CheckpointError, put > 0, path.string(), ": cannot write: ", system_error(errno));
    text.remove_prefix(static_cast<std::size_t>(put));
  }
}

std::string read_text_file(const fs::path& path) {
  const FileDescriptor file = open_regular_file(path);
  std::string text;
  char block[65536];
  for (;;) {
    const std::size_t got = read_some(path, file, block, sizeof block);
    if (got == 0) return text;
    text.append(block, got);
  }
}

void write_text_file(const fs::path& path, std::string_view text, Sync sync) {
  UnlessRenamed written(aside(path));
  {
    const FileDescriptor file = open_file(written.path(), O_WRONLY | O_CREAT | O_TRUNC);
    write_all(written.path(), file, text);
    if (sync == Sync::disk) sync_descriptor(written.path(), file);
  }
  written.rename(path);
  if (sync == Sync::disk) sync_folder(path.parent_path());
}

void sync_file(const fs::path& path) { sync_descriptor(path, open_file(path, O_RDONLY)); }

void sync_folder(const fs::path& path) {
  const fs::path folder = path.empty() ? fs::path(".") : path;
  sync_descriptor(folder, open_file(folder, O_RDONLY | O_DIRECTORY));
}

void rename_path(const fs::path& from, const fs::path& to) {
  std::error_code fault;
  fs::rename(from, to, fault);
  TW_CHECK_AS(CheckpointError, !fault, from.string(), ": cannot rename to ", to.string(), ": ",
              fault.message());
}

bool exchange_paths(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) return true;
  const bool unknown = errno == EINVAL || errno == ENOSYS || errno == ENOTSUP;
  TW_CHECK_AS(CheckpointError, unknown, from.string(), ": cannot change names with ", to.string(),
              ": ", system_error(errno));
  return false;
}

void make_folder(const fs::path& path) {
  std::error_code fault;
  std::vector<fs::path> missing;
  for (fs::path folder = path; !folder.empty() && !fs::exists(folder, fault);
       folder = folder.parent_path())
    missing.push_back(folder);
  fs::create_directories(path, fault);
  TW_CHECK_AS(CheckpointError, !fault && fs::is_directory(path, fault), path.string(),
              ": cannot make this folder: ", fault ? fault.message() : "a file is in the way");
  for (const fs::path& folder : missing) sync_folder(folder.parent_path());
}

void remove_path(const fs::path& path) {
  std::error_code fault;
  fs::remove_all(path, fault);
  TW_CHECK_AS(CheckpointError, !fault, path.string(), ": cannot remove: ", fault.message());
}

fs::path aside(const fs::path& path) {
  fs::path out = path;
  out += aside_ending;
  return out;
}

}  // namespace tokenwerk
