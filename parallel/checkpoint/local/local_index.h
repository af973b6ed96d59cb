#pragma once
/// The index of a shard, and whether the shards that were found are a whole generation.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "parallel/checkpoint/local/local_tier.h"
#include "parallel/checkpoint/manifest.h"

namespace tokenwerk {

/// What one rank holds in a generation.
struct LocalIndex {
  Index step = 0;
  int rank = 0;
  int ranks = 0;  ///< that wrote the generation
  FileSum sum;    ///< of the shard; 0 bytes: the rank holds nothing and there is no file
  std::vector<StoredArray> arrays;
  std::string state_json;      ///< empty: only its sum is known
  std::string state_sum = {};  ///< in hexadecimal digits, where the state is empty
};

/// A manifest's text (manifest.h) of one shard.
[[nodiscard]] std::string index_text(const LocalIndex& index);
/// The same with the sum of the state in its place: of many indexes one needs the state itself.
[[nodiscard]] std::string summary_text(const LocalIndex& index);
/// Of either text. Throws CheckpointError, beginning with `source`, when the text is not whole and
/// unchanged.
[[nodiscard]] LocalIndex parse_index(std::string_view text, const std::filesystem::path& source);

/// A generation as one checkpoint. `manifest.files[i]` is the shard of `rank_of_file[i]`.
struct MergedGeneration {
  Manifest manifest;
  std::vector<int> rank_of_file;
};
/// From one index of each shard that was found, in any order; the state is of those that have it.
/// Throws CheckpointError where they are not all of the same step, ranks and state, and saying what
/// is missing: shards, or boxes of arrays.
[[nodiscard]] MergedGeneration merged_generation(std::vector<LocalIndex> found);

/// Of all hosts' generations those worth looking at: later than step `above`, newest first.
[[nodiscard]] std::vector<Generation> candidates(
    const std::vector<std::vector<Generation>>& of_each_host, Index above);

}  // namespace tokenwerk
