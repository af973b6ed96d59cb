#pragma once
/// Checkpoints: global arrays by name, written by many ranks, read by any layout.
///
/// All functions throw CheckpointError, or DeviceError for what is there and cannot be read. The
/// collective ones are called by every rank of the
/// communicator with the same directory and step, end on all ranks or throw the same error on all.

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace tokenwerk {

class Communicator;

/// What a rank holds of a global array, to be saved. The columns of `value` are the box's innermost
/// extent, its rows may be strided. It may lie in any device's memory, where work on it is done:
/// from there it comes to the host one array at a time.
struct ArrayPart {
  std::string name;    ///< "model/blocks.7.mlp.up.weight", "optimizer/m/..."
  Shape global_shape;  ///< 1 to 4 dims
  Box box;             ///< an empty box (a rank without rows) is skipped
  ConstTensorView value;
};

/// Where a rank wants a box of a stored array. Its box and dtype need not be those that were saved:
/// f64, f32 and bf16 convert into each other (to nearest even); i32 only fits i32.
struct ArrayTarget {
  std::string name;
  Shape global_shape;
  Box box;
  TensorView value;
};

/// What a checkpoint holds beside arrays.
struct CheckpointState {
  std::filesystem::path folder;
  Index step = 0;
  std::string state_json;  ///< as given to save_checkpoint; object keys keep their order
};

/// Collective. Writes DIRECTORY/step-00000100 so that it appears whole or not at all; a complete
/// checkpoint of the same step is replaced once the new one is whole. The boxes of all ranks must
/// cover each array exactly once: what several ranks hold alike, one of them gives. `state_json` is
/// a JSON object; rank 0's counts. When any rank fails (disk full, no permission), all throw,
/// nothing that was there before is touched, and what was half written is removed where that is
/// possible.
void save_checkpoint(Communicator& communicator, const std::filesystem::path& directory, Index step,
                     std::span<const ArrayPart> parts, std::string_view state_json = "{}");

/// Called on every rank every ten seconds at most while the files of a checkpoint are summed, which
/// may take long: a sign of life.
using Alive = std::function<void()>;

/// Collective. Verifies the checkpoint (every file's size and sum, the ranks dividing the files
/// among them), then fills the targets. `path` is a step's folder or a directory, whose newest
/// complete checkpoint it then is. All faults (damaged files, missing arrays, other shapes) come in
/// one error; the targets are untouched by then. A damaged view is rebuilt and logged. Where a rank
/// cannot read what is there, all throw a DeviceError that names rank, host and file.
[[nodiscard]] CheckpointState load_checkpoint(Communicator& communicator,
                                              const std::filesystem::path& path,
                                              std::span<const ArrayTarget> targets,
                                              const Alive& alive = {});

/// Throws where a state is not one to go on from: that of another run, say.
using CheckState = std::function<void(const CheckpointState&)>;

/// What is done, on rank 0, about a checkpoint that cannot be loaded.
using OnDamaged = std::function<void(const std::filesystem::path& folder, const std::string& why)>;

/// Names it in the log.
void pass_over_checkpoint(const std::filesystem::path& folder, const std::string& why);
/// Renames it to `step-00000100.damaged` (`.damaged-2` where there is one), which nothing here
/// takes for a checkpoint or removes, leaves the reason in it as `damage.txt`, and returns its
/// path.
std::filesystem::path set_aside_checkpoint(const std::filesystem::path& folder,
                                           const std::string& why);

/// Collective. Loads the newest checkpoint that verifies; `on_damaged` hears of newer ones.
/// Nothing when the directory has none; one that cannot be read ends it as in load_checkpoint.
/// `check` comes on all ranks before the files are summed, of the newest that is complete; what it
/// throws, all throw as a CheckpointError.
[[nodiscard]] std::optional<CheckpointState> resume_checkpoint(
    Communicator& communicator, const std::filesystem::path& directory,
    std::span<const ArrayTarget> targets, const OnDamaged& on_damaged = pass_over_checkpoint,
    const Alive& alive = {}, const CheckState& check = {});

/// The newest complete checkpoint: manifest whole, all files there and of the right size (sums are
/// load_checkpoint's and verify_checkpoint's work). Others are passed over without a word.
[[nodiscard]] std::optional<std::filesystem::path> latest_checkpoint(
    const std::filesystem::path& directory);

/// The folder that a path means: itself when it is a step's folder, else latest_checkpoint of it,
/// with those that are passed over named in the log. Throws CheckpointError when there is none.
[[nodiscard]] std::filesystem::path resolve_checkpoint(const std::filesystem::path& path);

/// How many checkpoints stay.
struct KeepPolicy {
  Index keep = 0;        ///< the newest so many; 0: all
  Index keep_every = 0;  ///< and those whose step is a multiple; 0: none
};

/// Removes complete checkpoints that the policy does not keep. Damaged ones never count as kept,
/// and stay for whoever wants to look at them. For one rank.
void prune_checkpoints(const std::filesystem::path& directory, KeepPolicy policy);

/// Something wrong with a file of a checkpoint: it is damaged or missing, or this host cannot read
/// it.
struct CheckpointFault {
  enum class Kind { damage, unreadable };

  std::string file;  ///< path
  std::string what;
  Kind kind = Kind::damage;
};

/// Everything wrong with a step's folder: empty when each byte is what was written.
[[nodiscard]] std::vector<CheckpointFault> verify_checkpoint(const std::filesystem::path& folder);

struct ArraySummary {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::size_t parts = 0;
};
struct FileSummary {
  std::string name;
  std::uint64_t bytes = 0;
};

/// What the manifest says.
struct CheckpointSummary {
  std::filesystem::path folder;
  Index step = 0;
  std::string state_json;
  std::vector<ArraySummary> arrays;
  std::vector<FileSummary> files;  ///< the view too
  Index parameters = 0;            ///< elements of the arrays below "model/"
  std::uint64_t bytes = 0;         ///< of all files
};
[[nodiscard]] CheckpointSummary inspect_checkpoint(const std::filesystem::path& folder);

/// Step folders below a directory, oldest first, complete or not. A folder that has a step's name
/// or a manifest is its own only entry.
[[nodiscard]] std::vector<std::filesystem::path> list_checkpoints(
    const std::filesystem::path& path);

}  // namespace tokenwerk
