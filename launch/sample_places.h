#pragma once
/// Places in the order of a run's samples: ranges of them, and those that the run leaves out.

#include <optional>
#include <string>
#include <vector>

#include "core/dtype.h"

namespace tokenwerk {

/// Half-open range of places in the order of samples.
struct SampleRange {
  Index first = 0;
  Index last = 0;
  [[nodiscard]] Index count() const { return last - first; }
  friend bool operator==(const SampleRange&, const SampleRange&) = default;
};

/// The consecutive part of a range that one of `size` ranks works on; parts differ by one sample at
/// most.
[[nodiscard]] SampleRange part_of(SampleRange range, Index rank, Index size);

/// The places that a run passes over.
class LeftOut {
 public:
  void add(SampleRange range);
  /// The place of sample `i`, counted from 0, of those at or after `first` that are not left out.
  [[nodiscard]] Index place(Index first, Index i) const;

 private:
  std::vector<SampleRange> ranges_;  ///< ascending; none touches another
};

/// The places of batches by their numbers from 1, "12,40-55": batch n of `global_batch` samples
/// begins at place (n - 1) * global_batch. Nothing where the text is no such list.
[[nodiscard]] std::optional<std::vector<SampleRange>> places_of_batches(const std::string& text,
                                                                        Index global_batch);

}  // namespace tokenwerk
