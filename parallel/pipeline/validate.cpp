#include "parallel/pipeline/validate.h"

#include <algorithm>

#include "parallel/pipeline/coverage.h"
#include "parallel/pipeline/deadlock.h"
#include "parallel/pipeline/player.h"

namespace tokenwerk {
namespace {

void count_saved(const std::vector<Action>& program, ScheduleReport& report) {
  int activations = 0, weight_inputs = 0;
  int peak_activations = 0, peak_weight_inputs = 0, peak_saved = 0;
  for (const Action& action : program) {
    switch (action.work) {
      case Work::forward: ++activations; break;
      case Work::backward: --activations; break;
      case Work::backward_input: --activations, ++weight_inputs; break;
      case Work::backward_weight: --weight_inputs; break;
    }
    peak_activations = std::max(peak_activations, activations);
    peak_weight_inputs = std::max(peak_weight_inputs, weight_inputs);
    peak_saved = std::max(peak_saved, activations + weight_inputs);
  }
  report.peak_activations.push_back(peak_activations);
  report.peak_weight_inputs.push_back(peak_weight_inputs);
  report.peak_saved.push_back(peak_saved);
}

/// Holds the rank before each of its actions while all others run as far as they can: then as much
/// has arrived as ever can.
int most_buffered(SchedulePlayer& player, int rank) {
  int most = 0;
  for (player.restart(); !player.ended(rank); player.step(rank)) {
    player.advance([](int, const Action&) {}, rank);
    most = std::max(most, player.waiting_messages(rank));
  }
  return most;
}

}  // namespace

ScheduleReport validate(const PipelineSchedule& schedule) {
  ScheduleReport report;
  report.faults = number_faults(schedule);
  if (!report.faults.empty()) return report;
  report.faults = coverage_faults(schedule);
  // Who waits for whom says nothing while actions stand on the wrong ranks.
  if (!is_well_placed(schedule)) return report;
  for (std::string& fault : deadlock_faults(schedule)) report.faults.push_back(std::move(fault));
  if (!report.faults.empty()) return report;
  for (const auto& program : schedule.program) count_saved(program, report);
  SchedulePlayer player(schedule);
  for (int rank = 0; rank < schedule.ranks(); ++rank)
    report.peak_buffered.push_back(most_buffered(player, rank));
  return report;
}

}  // namespace tokenwerk
