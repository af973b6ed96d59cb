#pragma once
/// Files and folders that are on the disk when a call returns. Failures name the path and what the
/// system says; they are CheckpointErrors, but for files that are there and cannot be read.

#include <filesystem>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/file_descriptor.h"

namespace tokenwerk {

/// The system's words for an errno.
[[nodiscard]] std::string system_error(int error);

/// Opens with open(2)'s flags; new files get mode 0666 less the umask.
[[nodiscard]] FileDescriptor open_file(const std::filesystem::path& path, int flags);

/// Opens a regular file to read. Throws UnreadableError where it cannot be read, as all that reads
/// here.
[[nodiscard]] FileDescriptor open_regular_file(const std::filesystem::path& path);

[[nodiscard]] std::string read_text_file(const std::filesystem::path& path);
/// The next bytes of a file, at most so many; 0: it has ended. `path` is for messages.
[[nodiscard]] std::size_t read_some(const std::filesystem::path& path, const FileDescriptor& file,
                                    void* to, std::size_t bytes);

/// Appends; `path` is for messages.
void write_all(const std::filesystem::path& path, const FileDescriptor& file,
               std::string_view text);

/// Where written bytes are when a call returns: on the disk, or with the system, which keeps them
/// when the process is killed and loses them with its power.
enum class Sync { disk, none };

/// The file holds exactly this text, or nothing changed: written aside, synced, renamed, folder
/// synced. Where that fails, nothing stays aside.
void write_text_file(const std::filesystem::path& path, std::string_view text,
                     Sync sync = Sync::disk);

/// Waits until the file's, or the folder's entries', bytes are on the disk.
void sync_file(const std::filesystem::path& path);
void sync_folder(const std::filesystem::path& path);

/// Moves a file or folder over `to`, within one file system.
void rename_path(const std::filesystem::path& from, const std::filesystem::path& to);
/// Gives `from` the name `to`, and `to` the name `from`, at once; false where the file system knows
/// no such exchange.
[[nodiscard]] bool exchange_paths(const std::filesystem::path& from,
                                  const std::filesystem::path& to);
/// Makes the folder and those above it. The names of those that were not there are on the disk too.
void make_folder(const std::filesystem::path& path);
/// Removes a file or a folder with all it holds; fine when there is none.
void remove_path(const std::filesystem::path& path);

/// Ending of what is being written: `model.h5.writing`, `step-00000100.writing`.
inline constexpr std::string_view aside_ending = ".writing";
[[nodiscard]] std::filesystem::path aside(const std::filesystem::path& path);

}  // namespace tokenwerk
