#pragma once
/// In which order samples are seen: a permutation per epoch that is computed, not stored.

#include <cstdint>

#include "core/dtype.h"

namespace tokenwerk {

/// The order in which a run sees the samples 0 .. count: every epoch sees each once, shuffled by
/// (seed, epoch). It has no state: a run's place in the data is one integer, whatever the number of
/// ranks that share it. The order is part of what resuming relies on and must not change.
///
/// A Feistel network over pairs of digits in base ceil(sqrt(count)), with cycle walking for the few
/// values at or above count: Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002.
class SampleOrder {
 public:
  /// Throws DataError unless count is positive.
  SampleOrder(Index count, std::uint64_t seed);

  [[nodiscard]] Index count() const { return static_cast<Index>(count_); }
  /// The sample to read at this place of the run (0 is the first of the first epoch). O(1).
  [[nodiscard]] Index sample_at(Index global_sample_index) const;

 private:
  std::uint64_t count_;
  std::uint64_t base_;
  std::uint64_t seed_;
};

}  // namespace tokenwerk
