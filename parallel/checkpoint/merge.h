#pragma once
/// From what each rank holds to the manifest of all.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "parallel/checkpoint/manifest.h"

namespace tokenwerk {

/// All ranks' arrays as one list.
class Merge {
 public:
  /// `file`: the position of the file that holds this rank's parts.
  void add(int rank, std::vector<StoredArray> arrays, std::size_t file);
  /// The merged arrays. Throws CheckpointError that begins with `fails` and lists what does not fit
  /// together: holes, overlaps, disagreements.
  [[nodiscard]] std::vector<StoredArray> finish(std::string_view fails);

 private:
  std::vector<StoredArray> arrays_;
  std::map<std::string, std::size_t> known_;
  std::vector<std::string> faults_;
};

}  // namespace tokenwerk
