#pragma once
/// What the papers promise of a schedule, to hold its simulation against.

#include <optional>
#include <string>

#include "parallel/pipeline/simulate.h"

namespace tokenwerk {

struct PublishedBubble {
  double fraction = 0.0;
  std::string formula;  ///< in P ranks, M micro-batches, V stages a rank
};

/// The bubble fraction of a schedule made by `make_schedule` when every stage has these costs and
/// messages take no time; nothing where the formula's premises do not hold.
[[nodiscard]] std::optional<PublishedBubble> published_bubble(const PipelineSchedule& schedule,
                                                              const StageCosts& costs);

}  // namespace tokenwerk
