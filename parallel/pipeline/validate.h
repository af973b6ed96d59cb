#pragma once
/// The proof that a schedule does what training needs and comes to its end.

#include <string>
#include <vector>

#include "parallel/pipeline/schedule.h"

namespace tokenwerk {

/// What is wrong with a schedule, and what a sound one holds at most. Peaks are empty unless
/// `faults` is.
struct ScheduleReport {
  /// One line each: rank, place in its program (counted from 1), action, what is wrong.
  std::vector<std::string> faults;
  /// Per rank, the most (stage, micro-batch) pairs whose activations are kept at a time: from the
  /// forward until the end of the backward or of the input gradient.
  std::vector<int> peak_activations;
  /// Per rank, the most pairs that wait for their weight gradient: from I to W.
  std::vector<int> peak_weight_inputs;
  /// Per rank, the most of both together at one time.
  std::vector<int> peak_saved;
  /// Per rank, the most messages that can have arrived before the action that uses them has
  /// started, whatever the ranks' speeds: so many buffers, and no sender ever waits.
  std::vector<int> peak_buffered;
};

/// Checks that
/// - every action stands on the rank of its stage, every rank has a stage, every stage a rank;
/// - every micro-batch passes every stage once: F, and B or both I and W;
/// - nothing waits for ever when each rank runs its program in order: sends never wait, an action
///   waits for what it needs (F for the stage before; a backward for its own F and the stage
///   behind; W for its I). What waits is named as a circle of waiting actions.
/// Messages between two ranks are received in the order of their sending, into buffers; that order
/// can cost buffers (`peak_buffered`), never progress.
[[nodiscard]] ScheduleReport validate(const PipelineSchedule& schedule);

}  // namespace tokenwerk
