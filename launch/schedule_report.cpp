#include "launch/schedule_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "launch/counted.h"
#include "parallel/pipeline/published.h"
#include "parallel/pipeline/schedule_text.h"
#include "parallel/pipeline/timeline.h"

namespace tokenwerk {
namespace {

/// The shortest time that any work takes, or 1 when none takes any.
double unit_of(const StageCosts& costs) {
  double unit = INFINITY;
  for (const double cost : {costs.forward, costs.backward_input, costs.backward_weight})
    if (cost > 0.0) unit = std::min(unit, cost);
  return std::isfinite(unit) ? unit : 1.0;
}

/// The lines as comments of the schedule's text.
std::string commented(std::string text) {
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) text.insert(at, "# ");
  return text;
}

std::string time_text(const PipelineSchedule& schedule, const ScheduleTiming& timing,
                      const StageCosts& costs, int columns) {
  const double unit = unit_of(costs);
  return fmt::format("# time, one character for {:g}\n# {}\n", unit, timeline_legend) +
         commented(timeline_text(schedule, timing, {.unit = unit, .columns = columns - 2}));
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

std::string schedule_report(const PipelineSchedule& schedule, const ScheduleReport& report,
                            const StageCosts& costs, int columns) {
  const ScheduleTiming timing = simulate(schedule, equal_costs(schedule, costs));
  return fmt::format("# {}: {}, {}, {}\n", schedule.name, count_of(schedule.ranks(), "rank"),
                     count_of(schedule.stages(), "stage"),
                     count_of(schedule.microbatches, "micro-batch")) +
         text_of(schedule) + "#\n" + time_text(schedule, timing, costs, columns) + "#\n" +
         cost_text(schedule, timing, costs) + rank_table(report, timing);
}

}  // namespace tokenwerk
