#pragma once
/// How far a run has saved what it did: its checkpoints, and what its hosts hold.

#include <filesystem>
#include <optional>
#include <string>

#include "launch/local_marker.h"

namespace tokenwerk {

class SavedProgress {
 public:
  /// Of the run that saves into this folder. Local generations that are there now are not this
  /// run's unless it goes on from them and keeps newer ones.
  explicit SavedProgress(std::filesystem::path checkpoints);

  /// Looks again; whether there is anything new. What cannot be read now is as it was.
  bool look();
  /// Whether there is anything to go on from, or to be told that it is damaged.
  [[nodiscard]] bool any() const { return has_folders_ || local_; }
  /// The newest checkpoint; empty where there is none.
  [[nodiscard]] const std::string& checkpoint() const { return checkpoint_; }
  /// The newest local generation that the run has kept.
  [[nodiscard]] const std::optional<LocalMarker>& local() const { return local_; }
  /// What a restart goes on from, in words.
  [[nodiscard]] std::string from() const;
  /// That of the newest checkpoint; -1: there is none.
  [[nodiscard]] Index step() const;
  /// The age of the newest, now; of none, infinite.
  [[nodiscard]] double seconds_since_saved() const;

 private:
  [[nodiscard]] std::string newest_checkpoint() const;
  [[nodiscard]] std::optional<LocalMarker> newest_local() const;

  std::filesystem::path checkpoints_;
  std::optional<LocalMarker> found_;  ///< at first
  std::string checkpoint_;
  bool has_folders_ = false;  ///< of checkpoints, sound or not
  std::optional<LocalMarker> local_;
};

}  // namespace tokenwerk
