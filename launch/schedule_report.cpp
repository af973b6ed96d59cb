#include "launch/schedule_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "parallel/pipeline/published.h"
#include "parallel/pipeline/schedule_text.h"

namespace tokenwerk {
namespace {

constexpr const char* legend =
    "# 0-9: forward of a micro-batch (its last digit), a-j: backward (a: 0), A-J: weight gradient "
    "alone, .: idle\n";

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

/// The shortest time that any work takes, or 1 when none takes any.
double unit_of(const StageCosts& costs) {
  double unit = INFINITY;
  for (const double cost : {costs.forward, costs.backward_input, costs.backward_weight})
    if (cost > 0.0) unit = std::min(unit, cost);
  return std::isfinite(unit) ? unit : 1.0;
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

std::string cost_text(const PipelineSchedule& schedule, const ScheduleTiming& timing,
                      const StageCosts& costs) {
  std::string text = fmt::format("# makespan {:g}, bubble {:.4f}", timing.makespan, timing.bubble);
  if (const auto published = published_bubble(schedule, costs))
    text += fmt::format(" (published: {} = {:.4f})", published->formula, published->fraction);
  return text + '\n';
}

std::string rank_table(const ScheduleReport& report, const ScheduleTiming& timing) {
  std::string text =
      fmt::format("# {:>4}  {:>8} {:>8} {:>8}  {:>11} {:>13} {:>8}  {:>8}\n", "rank", "busy",
                  "idle", "waiting", "activations", "weight inputs", "together", "messages");
  for (std::size_t rank = 0; rank < timing.busy.size(); ++rank)
    text += fmt::format("# {:>4}  {:>8g} {:>8g} {:>8g}  {:>11} {:>13} {:>8}  {:>8}\n", rank,
                        timing.busy[rank], timing.idle[rank], timing.waiting[rank],
                        report.peak_activations[rank], report.peak_weight_inputs[rank],
                        report.peak_saved[rank], report.peak_buffered[rank]);
  return text +
         "# waiting: idle between a rank's first and last action; from activations on: the most "
         "that is kept at a time\n";
}

}  // namespace

std::string timeline_text(const PipelineSchedule& schedule, const ScheduleTiming& timing,
                          const StageCosts& costs, int columns) {
  const double unit = unit_of(costs);
  const std::string label = "# rank 0000  ";
  const double units = std::min(std::ceil(timing.makespan / unit - 1e-9), 1e15);
  const Window window = window_of(static_cast<std::int64_t>(units),
                                  columns - static_cast<std::int64_t>(label.size()));
  std::string text = fmt::format("# time, one character for {:g}\n", unit) + legend;
  for (int rank = 0; rank < schedule.ranks(); ++rank) {
    const auto row = [&](std::int64_t first, std::int64_t count) {
      return row_text(at(schedule.program, rank), at(timing.actions, rank), unit, first, count);
    };
    text += fmt::format("# rank {:<4}  {}", rank, row(0, window.head));
    if (window.cut()) text += gap + row(window.units - window.tail, window.tail);
    text += '\n';
  }
  if (window.cut())
    text += fmt::format("# ~: {} of {} characters are left out\n",
                        window.units - window.head - window.tail, window.units);
  return text;
}

std::string schedule_report(const PipelineSchedule& schedule, const ScheduleReport& report,
                            const StageCosts& costs, int columns) {
  const ScheduleTiming timing = simulate(schedule, equal_costs(schedule, costs));
  return fmt::format("# {}: {} ranks, {} stages, {} micro-batches\n", schedule.name,
                     schedule.ranks(), schedule.stages(), schedule.microbatches) +
         text_of(schedule) + "#\n" + timeline_text(schedule, timing, costs, columns) + "#\n" +
         cost_text(schedule, timing, costs) + rank_table(report, timing);
}

}  // namespace tokenwerk
