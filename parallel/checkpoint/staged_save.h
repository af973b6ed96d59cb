#pragma once
/// save_checkpoint in its stages, for a program that works on while a checkpoint is written.

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "parallel/checkpoint/checkpoint.h"
#include "parallel/checkpoint/folder.h"
#include "parallel/checkpoint/manifest.h"
#include "parallel/checkpoint/shard_writer.h"

namespace tokenwerk {

/// A save under way. Making one, `gather` and `finish` are collective and brief; `write` and
/// `publish`, between them, take the time, speak to no other rank and may run on any thread, one at
/// a time (HDF5's calls come from them). What a stage of a rank's own throws waits for the next
/// collective one, which throws the same CheckpointError on all ranks. Ended before `finish` has
/// returned, it removes what was written.
class StagedSave {
 public:
  /// As save_checkpoint; the arrays of `parts` are read by `write`.
  StagedSave(Communicator& ranks, const std::filesystem::path& directory, Index step,
             std::span<const ArrayPart> parts, std::string_view state_json);

  /// Writes this rank's shard, to the end of its sync.
  void write() noexcept;
  /// All ranks have written.
  void gather();
  /// Rank 0's: view and manifest, then the folder gets its name; false where that failed.
  [[nodiscard]] bool publish() noexcept;
  /// Rank 0 has published: the checkpoint is there.
  void finish();

  /// Seconds that the longest `write` and `publish` have taken so far; rank 0 knows.
  [[nodiscard]] double written_seconds() const { return seconds_; }

 private:
  void write_shard();

  Communicator* ranks_;
  std::filesystem::path shard_;  ///< this rank's file
  std::optional<ShardWriter> writer_;
  Manifest manifest_;  ///< rank 0's, as are the folders
  std::optional<AsideFolder> folder_;
  std::optional<FileSum> sum_;
  std::string fault_;  ///< of this rank's last stage
  double seconds_ = 0.0;
};

}  // namespace tokenwerk
