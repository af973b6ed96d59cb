#include "parallel/pipeline/timeline.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace tokenwerk {
namespace {

char mark_of(const Action& action) {
  const char digit = static_cast<char>(action.microbatch % 10);
  switch (action.work) {
    case Work::forward: return static_cast<char>('0' + digit);
    case Work::backward:
    case Work::backward_input: return static_cast<char>('a' + digit);
    case Work::backward_weight: break;
  }
  return static_cast<char>('A' + digit);
}

/// Which units of a timeline are shown: all, or its two ends.
struct Window {
  std::int64_t units = 0;
  std::int64_t head = 0;
  std::int64_t tail = 0;

  [[nodiscard]] bool cut() const { return head < units; }
};

constexpr const char* gap = " ~ ";

Window window_of(std::int64_t units, std::int64_t columns) {
  if (units <= columns) return {units, units, 0};
  const std::int64_t shown = std::max<std::int64_t>(columns - 3, 2);
  return {units, shown - shown / 2, shown / 2};
}

/// Units first .. first + count of a rank: what runs in the middle of each.
std::string row_text(const std::vector<Action>& program, const std::vector<ActionTime>& times,
                     double unit, std::int64_t first, std::int64_t count) {
  std::string row;
  std::size_t i = 0;
  for (std::int64_t at = first; at < first + count; ++at) {
    const double middle = (static_cast<double>(at) + 0.5) * unit;
    while (i < times.size() && times[i].end <= middle) ++i;
    row += i < times.size() && times[i].start <= middle ? mark_of(program[i]) : '.';
  }
  return row;
}

}  // namespace

std::string timeline_text(const PipelineSchedule& schedule, const ScheduleTiming& timing,
                          const TimelineOptions& options) {
  const std::string label = "rank 0000  ";
  const double units = std::min(std::ceil(timing.makespan / options.unit - 1e-9), 1e15);
  const Window window = window_of(static_cast<std::int64_t>(units),
                                  options.columns - static_cast<std::int64_t>(label.size()));
  std::string text;
  for (int rank = 0; rank < schedule.ranks(); ++rank) {
    const auto row = [&](std::int64_t first, std::int64_t count) {
      return row_text(at(schedule.program, rank), at(timing.actions, rank), options.unit, first,
                      count);
    };
    text += fmt::format("rank {:<4}  {}", rank, row(0, window.head));
    if (window.cut()) text += gap + row(window.units - window.tail, window.tail);
    text += '\n';
  }
  if (window.cut())
    text += fmt::format("~: {} of {} characters are left out\n",
                        window.units - window.head - window.tail, window.units);
  return text;
}

}  // namespace tokenwerk
