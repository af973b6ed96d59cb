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
  std::string state_json;
};

/// A manifest's text (manifest.h) of one shard.
[[nodiscard]] std::string index_text(const LocalIndex& index);
/// Throws CheckpointError, beginning with `source`, when the text is not whole and unchanged.
[[nodiscard]] LocalIndex parse_index(std::string_view text, const std::filesystem::path& source);

/// A generation as one checkpoint. `manifest.files[i]` is the shard of `rank_of_file[i]`.
struct MergedGeneration {
  Manifest manifest;
  std::vector<int> rank_of_file;
};
/// From one index of each shard that was found, in any order. Throws CheckpointError saying what
/// is missing: shards, or boxes of arrays.
[[nodiscard]] MergedGeneration merged_generation(std::vector<LocalIndex> found);

/// Of all hosts' generations those worth looking at: later than step `above`, newest first.
[[nodiscard]] std::vector<Generation> candidates(
    const std::vector<std::vector<Generation>>& of_each_host, Index above);

}  // namespace tokenwerk
