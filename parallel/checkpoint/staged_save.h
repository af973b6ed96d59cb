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

/// What all ranks together save. It is the same at each save of a run: whoever makes the saves
/// keeps it between them, and only the first asks all ranks for their lists of boxes, which are
/// many.
struct SavedLayout {
  std::string mine;   ///< this rank's list; empty: nothing is known
  Manifest manifest;  ///< rank 0's, of all ranks; the save under way fills in the rest
};

/// A save under way. Making one, `gather` and `finish` are collective and brief; `write` and
/// `publish`, between them, take the time, speak to no other rank and may run on any thread, one at
/// a time (HDF5's calls come from them). What a stage of a rank's own throws waits for the next
/// collective one, which throws the same CheckpointError on all ranks. Ended before `finish` has
/// returned, it removes what was written.
class StagedSave {
 public:
  /// As save_checkpoint; the arrays of `parts` are read by `write`. `layout` serves one save at a
  /// time and outlives it.
  StagedSave(Communicator& ranks, const std::filesystem::path& directory, Index step,
             std::span<const ArrayPart> parts, std::string_view state_json, SavedLayout& layout);

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
  void agree_on_layout();
  void write_shard();

  Communicator* ranks_;
  std::filesystem::path shard_;  ///< this rank's file
  std::optional<ShardWriter> writer_;
  SavedLayout* layout_;
  std::optional<AsideFolder> folder_;  ///< rank 0's
  std::optional<FileSum> sum_;
  std::string fault_;  ///< of this rank's last stage
  double seconds_ = 0.0;
};

}  // namespace tokenwerk
