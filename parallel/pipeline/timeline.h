#pragma once
/// A schedule's timing as a picture of characters.

#include <string>
#include <string_view>

#include "parallel/pipeline/simulate.h"

namespace tokenwerk {

struct TimelineOptions {
  double unit = 1.0;  ///< time that one character stands for
  int columns = 100;  ///< of the longest line
};

/// What the characters of a timeline mean.
inline constexpr std::string_view timeline_legend =
    "0-9: forward of a micro-batch (its last digit), a-j: backward (a: 0), A-J: weight gradient "
    "alone, .: idle";

/// One line a rank: "rank 0     01..aa2bb.cc". What is longer than the columns loses its middle,
/// and a last line says so.
[[nodiscard]] std::string timeline_text(const PipelineSchedule& schedule,
                                        const ScheduleTiming& timing,
                                        const TimelineOptions& options = {});

}  // namespace tokenwerk
