#pragma once
/// Files that grow while a run goes on: disks that are full for a while lose nothing of them, and
/// folders that somebody removes end nothing.

#include <cstddef>
#include <deque>
#include <filesystem>
#include <functional>
#include <string>

#include "core/file_descriptor.h"

namespace tokenwerk {

/// Opens the file with these flags of open(2), unless `file` is it already: it may have been
/// removed or renamed since, which is warned of; its folder is then made again. False, with errno,
/// where it cannot be opened.
[[nodiscard]] bool keep_open(FileDescriptor& file, const std::filesystem::path& path, int flags);

/// A file to which whole records are appended, each or nothing. What cannot be written is warned of
/// once, kept in memory and written with the next record that can be. Nothing here throws for a
/// disk.
class AppendFile {
 public:
  enum class Records {
    lines,  ///< each with its end; a half one that another process left is ended first
    framed
  };
  /// Records of so many bytes are kept; beyond that the oldest are dropped, which is told.
  static constexpr std::size_t usual_most = std::size_t{16} << 20;

  /// `begin`: what a new file begins with.
  AppendFile(std::filesystem::path path, Records kind, std::string begin = {},
             std::size_t most = usual_most);
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;
  ~AppendFile();

  void append(std::string record);
  /// Makes the file, where it is not there, and writes what waits.
  void flush();
  /// Until the next record: where several hosts write in turns, each has to open it anew.
  void close() { file_.reset(); }

  /// What could not be written yet, oldest first.
  [[nodiscard]] const std::deque<std::string>& waiting() const { return waiting_; }
  void forget_if(const std::function<bool(const std::string&)>& unwanted);

 private:
  [[nodiscard]] bool write(const std::string& record);
  [[nodiscard]] std::string before(const std::string& record) const;
  void fail(int error);
  void recover();

  std::filesystem::path path_;
  Records kind_;
  std::string begin_;
  std::size_t most_, waiting_bytes_ = 0, dropped_ = 0;
  std::deque<std::string> waiting_;
  bool failing_ = false;
  FileDescriptor file_;
};

}  // namespace tokenwerk
