#pragma once
/// What a run leaves behind: recipe.toml, log.txt, metrics.jsonl and TensorBoard's event files in
/// log.directory, and its checkpoints.

#include <filesystem>
#include <vector>

#include "core/file_descriptor.h"
#include "launch/recipe.h"

namespace tokenwerk {

/// The folders of a run, made and held: while it lives, no other run writes there. One rank of the
/// run has it.
class RunDirectories {
 public:
  /// Throws ConfigError naming the key, when a folder cannot be made or written, another run is
  /// using it, or it holds checkpoints that this run does not continue.
  explicit RunDirectories(const Recipe& recipe);
  RunDirectories(const RunDirectories&) = delete;
  RunDirectories& operator=(const RunDirectories&) = delete;
  /// Removes the folders that this run made, unless it was to `stay`.
  ~RunDirectories();

  /// Nothing refuses the run any more: it begins.
  void stay() { made_.clear(); }
  /// Holds anew what somebody has taken away and what was made again since. True where that was so:
  /// what the run keeps there is to be written again. Throws ConfigError where another run has a
  /// folder by now.
  [[nodiscard]] bool hold_again();

 private:
  RunDirectories() = default;  // once it is done, the destructor runs whatever follows
  void hold(const std::filesystem::path& folder, const char* key);

  struct Held {
    std::filesystem::path folder;
    const char* key;  ///< that named it
    FileDescriptor lock;
  };
  std::vector<Held> held_;
  std::vector<std::filesystem::path> made_;  ///< each before the one it lies in
};

/// Whether a run starts here, or one goes on that was here before.
enum class RunStart { first, again };

/// Writes recipe.toml, as resolved, into log.directory, and beside the checkpoints a copy of the
/// tokenizer, if one lies beside the data: whoever takes the checkpoints away can read and write
/// text. What stands there already is left. What cannot be written is a DeviceError or DataError
/// that names it, of a run that goes on a warning.
void record_run(const Recipe& recipe, RunStart start);

/// Path prefix of that copy.
[[nodiscard]] std::string tokenizer_copy(const std::filesystem::path& checkpoints);

}  // namespace tokenwerk
