#include "parallel/checkpoint/merge.h"

namespace tokenwerk {

void Merge::add(int rank, std::vector<StoredArray> arrays, std::size_t file) {
  for (StoredArray& array : arrays) {
    const auto [place, is_new] = known_.try_emplace(array.name, arrays_.size());
    if (is_new) arrays_.push_back({array.name, array.dtype, array.shape, {}});
    StoredArray& merged = arrays_[place->second];
    if (!(merged.shape == array.shape) || merged.dtype != array.dtype)
      faults_.push_back(fmt::format("{}: rank {} gives {} {}, others {} {}", array.name, rank,
                                    name_of(array.dtype), array.shape.text(), name_of(merged.dtype),
                                    merged.shape.text()));
    for (StoredPart& part : array.parts) {
      part.file = file;
      merged.parts.push_back(std::move(part));
    }
  }
}

std::vector<StoredArray> Merge::finish(std::string_view fails) {
  const std::vector<std::string> more = faults_of(arrays_);
  faults_.insert(faults_.end(), more.begin(), more.end());
  TW_CHECK_AS(CheckpointError, faults_.empty(), fails, joined(faults_, "; "));
  return std::move(arrays_);
}

}  // namespace tokenwerk
