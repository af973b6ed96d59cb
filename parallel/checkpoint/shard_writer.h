#pragma once
/// The file of one rank's parts.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "parallel/checkpoint/checkpoint.h"
#include "parallel/checkpoint/manifest.h"

namespace tokenwerk {

/// What a rank writes: its parts, and the dataset of its shard that takes each.
class ShardWriter {
 public:
  /// Throws CheckpointError that lists the parts that cannot be written.
  explicit ShardWriter(std::span<const ArrayPart> parts);

  /// The rank's share of a manifest; empty boxes have no part there.
  [[nodiscard]] const std::vector<StoredArray>& arrays() const { return arrays_; }
  /// Whether there is nothing to write.
  [[nodiscard]] bool empty() const { return pieces_.empty(); }
  /// Writes and closes the file, then reads it back for its sum. It is not synced.
  [[nodiscard]] FileSum write(const std::filesystem::path& path) const;

 private:
  struct Piece {
    ArrayPart part;
    std::string dataset;
  };
  std::vector<StoredArray> arrays_;
  std::vector<Piece> pieces_;
};

}  // namespace tokenwerk
