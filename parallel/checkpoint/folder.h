#pragma once
/// The directory that holds a run's checkpoints, and the names in it.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "parallel/checkpoint/checkpoint.h"
#include "parallel/checkpoint/manifest.h"

namespace tokenwerk {

/// Names in a directory, sorted; none when it is not there.
[[nodiscard]] std::vector<std::string> names_in(const std::filesystem::path& directory);

/// "step-00000100"
[[nodiscard]] std::string step_folder(Index step);
/// The step of such a name (no ending behind it).
[[nodiscard]] std::optional<Index> step_of(std::string_view name);

/// Puts back a checkpoint that stepped aside for its successor, which a kill kept from arriving.
/// For whoever saves into this directory; those who only read it find it where it is.
void put_back_replaced(const std::filesystem::path& directory);
/// What a kill left behind: removes half-written and half-removed checkpoints, and puts back those
/// that were about to be replaced.
void clean_up(const std::filesystem::path& directory);

/// A step's folder while it is being written. Ends by `publish`, or is removed with all it holds.
class AsideFolder {
 public:
  AsideFolder(const std::filesystem::path& directory, Index step);
  AsideFolder(const AsideFolder&) = delete;
  AsideFolder& operator=(const AsideFolder&) = delete;
  ~AsideFolder();

  [[nodiscard]] const std::filesystem::path& path() const { return aside_; }
  /// Gives the folder its name, in place of an older one of the same step.
  void publish();

 private:
  std::filesystem::path final_;
  std::filesystem::path aside_;
  bool published_ = false;
};

/// A fault of this file from an error whose message may begin with the file's name.
[[nodiscard]] CheckpointFault fault_from(const std::filesystem::path& file, const Error& error);

/// Whether a file's size and sum on disk are the manifest's, looked at a while at a time.
class FileCheck {
 public:
  FileCheck(const std::filesystem::path& folder, const StoredFile& file);
  /// Reads on; true when all is known, false when that time has come.
  [[nodiscard]] bool ends_by(FileSumming::Clock::time_point time);
  /// What is wrong; nothing when they agree.
  [[nodiscard]] const std::optional<CheckpointFault>& fault() const { return fault_; }

 private:
  std::filesystem::path path_;
  FileSum wanted_;
  std::optional<FileSumming> summing_;
  std::optional<CheckpointFault> fault_;
};

/// The same at once.
[[nodiscard]] std::optional<CheckpointFault> fault_of(const std::filesystem::path& folder,
                                                      const StoredFile& file);

/// The size on disk against the manifest's.
[[nodiscard]] std::optional<CheckpointFault> size_fault_of(const std::filesystem::path& folder,
                                                           const StoredFile& file);
/// Why a folder is no complete checkpoint (manifest, missing files, sizes), or nothing. Arrays are
/// not looked at: what the manifest's sum covers was consistent when it was written.
[[nodiscard]] std::optional<CheckpointFault> incompleteness_of(const std::filesystem::path& folder);
/// The same of the files that `read` finds in the manifest.
[[nodiscard]] std::optional<CheckpointFault> incompleteness_of(
    const std::filesystem::path& folder, const std::function<std::vector<StoredFile>()>& read);

}  // namespace tokenwerk
