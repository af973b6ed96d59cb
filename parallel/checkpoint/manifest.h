#pragma once
/// The truth about a checkpoint: which arrays it holds, in which boxes, in which files, with the
/// sum of every file and its own. Its text form is `manifest.json`.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/shape.h"
#include "parallel/checkpoint/checksum.h"

namespace tokenwerk {

/// A box of a global array, stored as one dataset of a shard file.
struct StoredPart {
  std::size_t file = 0;  ///< position in Manifest::files
  std::string dataset;
  Box box;
};

/// A global array.
struct StoredArray {
  std::string name;  ///< "model/blocks.7.mlp.up.weight"
  DType dtype = DType::f32;
  Shape shape;
  std::vector<StoredPart> parts;  ///< cover the array exactly once
};

struct StoredFile {
  std::string name;  ///< inside the checkpoint's folder
  FileSum sum;
};

struct Manifest {
  static constexpr int version = 1;  ///< of the format; raised when old readers would misread

  Index step = 0;
  std::string state_json = "{}";   ///< what the trainer gave, a JSON object
  std::vector<StoredFile> files;   ///< the shards
  std::optional<StoredFile> view;  ///< model.h5, where there is one
  std::vector<StoredArray> arrays;
};

/// Names of the files of a checkpoint's folder.
inline constexpr std::string_view manifest_file = "manifest.json";
inline constexpr std::string_view view_file = "model.h5";
[[nodiscard]] std::string shard_file(int rank);  ///< "rank-00000.h5"

/// What is wrong with an array's name, or nothing. Names are paths of letters, digits and `_-.`,
/// joined by `/`: they are HDF5 paths, and `%` and `#` have meanings there and here.
[[nodiscard]] std::string name_fault(std::string_view name);

/// Everything wrong with the arrays: names, shapes, boxes outside, overlaps, holes.
[[nodiscard]] std::vector<std::string> faults_of(const std::vector<StoredArray>& arrays);

/// Throws CheckpointError unless the text is a JSON object, as a checkpoint's state must be.
void check_state(std::string_view state_json);

/// JSON, one array a line, ending with the xxh3 of all that stands before it.
[[nodiscard]] std::string to_text(const Manifest& manifest);

/// Which arrays to keep of a manifest, by name; empty: all.
using KeepArray = std::function<bool(std::string_view name)>;

/// Throws CheckpointError, its message beginning with `source`, when the text is not a whole,
/// unchanged and consistent manifest of a version this program reads. Arrays that are not kept take
/// no memory; whether they are consistent is not looked at.
[[nodiscard]] Manifest parse_manifest(std::string_view text, const std::filesystem::path& source,
                                      const KeepArray& keep = {});

/// The same for a manifest of some of the ranks, whose boxes need not cover the arrays.
[[nodiscard]] Manifest parse_share(std::string_view text, const std::filesystem::path& source);

/// parse_manifest of the folder's manifest.json.
[[nodiscard]] Manifest read_manifest(const std::filesystem::path& folder,
                                     const KeepArray& keep = {});

/// A list of array parts as JSON, by which ranks tell each other what they hold.
[[nodiscard]] std::string to_text(const std::vector<StoredArray>& arrays);
[[nodiscard]] std::vector<StoredArray> parse_arrays(std::string_view text);

}  // namespace tokenwerk
