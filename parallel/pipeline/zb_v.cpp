#include "parallel/pipeline/zb_v.h"

#include <initializer_list>
#include <limits>

#include "core/error.h"
#include "parallel/pipeline/results.h"

namespace tokenwerk {
namespace {

PipelineSchedule empty_v(const ScheduleShape& shape) {
  PipelineSchedule schedule{
      .name = {}, .microbatches = shape.microbatches, .rank_of_stage = {}, .program = {}};
  schedule.program.resize(static_cast<std::size_t>(shape.ranks));
  for (int rank = 0; rank < shape.ranks; ++rank) schedule.rank_of_stage.push_back(rank);
  for (int rank = shape.ranks - 1; rank >= 0; --rank) schedule.rank_of_stage.push_back(rank);
  return schedule;
}

/// A list scheduler: time goes in steps, each action takes one, and in each step every rank takes
/// the most urgent action whose needs are met.
///
/// While forwards remain, forwards are most urgent (the stage behind before the one in front, which
/// only fills the memory), because the V is longest for them; then the input gradient of the front
/// stage, which ends a micro-batch; then weight gradients, which free memory for the next forward.
/// When forwards are over, weight gradients wait, for they fill the steps in which no gradient has
/// arrived. The tests show that this reaches the published bubble.
class VScheduler {
 public:
  explicit VScheduler(const ScheduleShape& shape);
  [[nodiscard]] PipelineSchedule take();

 private:
  /// Micro-batches that a stage has brought so far: the next of each kind is the next in order.
  struct Progress {
    int forwards = 0, inputs = 0, weights = 0;
  };

  [[nodiscard]] bool ready(const Action& action, int step) const;
  [[nodiscard]] std::optional<Action> candidate(int rank, int stage, Work work, int step) const;
  [[nodiscard]] std::optional<Action> choose(int rank, int step) const;
  void run(int rank, const Action& action, int step);

  static constexpr int never = std::numeric_limits<int>::max();

  PipelineSchedule schedule_;
  std::vector<Progress> progress_;
  std::vector<int> held_;       ///< per rank: forwards less weight gradients
  ResultTable<int> available_;  ///< the step from which a result can be used
};

VScheduler::VScheduler(const ScheduleShape& shape)
    : schedule_(empty_v(shape)),
      progress_(schedule_.rank_of_stage.size()),
      held_(schedule_.program.size()),
      available_(schedule_, never) {}

bool VScheduler::ready(const Action& action, int step) const {
  const Needs needs = needs_of(action, schedule_.stages());
  for (const auto& need : {needs.own, needs.neighbour})
    if (need && available_[*need] > step) return false;
  return true;
}

/// The stage's next action of a kind, if it can run now.
std::optional<Action> VScheduler::candidate(int rank, int stage, Work work, int step) const {
  const Progress& progress = at(progress_, stage);
  const int next = work == Work::forward          ? progress.forwards
                   : work == Work::backward_input ? progress.inputs
                                                  : progress.weights;
  if (next == schedule_.microbatches) return std::nullopt;
  if (work == Work::forward && at(held_, rank) == schedule_.stages()) return std::nullopt;
  const Action action{stage, work, next};
  return ready(action, step) ? std::optional(action) : std::nullopt;
}

std::optional<Action> VScheduler::choose(int rank, int step) const {
  struct Choice {
    int stage;
    Work work;
  };
  const int front = rank, back = schedule_.stages() - 1 - rank;
  const std::initializer_list<Choice> early = {
      {back, Work::forward},         {front, Work::forward},         {front, Work::backward_input},
      {back, Work::backward_weight}, {front, Work::backward_weight}, {back, Work::backward_input}};
  const std::initializer_list<Choice> late = {{front, Work::backward_input},
                                              {back, Work::backward_input},
                                              {back, Work::backward_weight},
                                              {front, Work::backward_weight}};
  const bool forwards_over = at(progress_, back).forwards == schedule_.microbatches;
  for (const Choice& choice : forwards_over ? late : early)
    if (const auto action = candidate(rank, choice.stage, choice.work, step)) return action;
  return std::nullopt;
}

void VScheduler::run(int rank, const Action& action, int step) {
  Progress& progress = at(progress_, action.stage);
  if (action.work == Work::forward) ++progress.forwards, ++at(held_, rank);
  if (action.work == Work::backward_input) ++progress.inputs;
  if (action.work == Work::backward_weight) ++progress.weights, --at(held_, rank);
  if (const auto result = result_of(action)) available_[*result] = step + 1;
  at(schedule_.program, rank).push_back(action);
}

PipelineSchedule VScheduler::take() {
  const int ranks = schedule_.ranks();
  const std::int64_t all = std::int64_t{3} * schedule_.stages() * schedule_.microbatches;
  std::int64_t done = 0;
  for (int step = 0; done < all; ++step) {
    const std::int64_t before = done;
    for (int rank = 0; rank < ranks; ++rank)
      if (const auto action = choose(rank, step)) {
        run(rank, *action, step);
        ++done;
      }
    TW_CHECK_AS(ScheduleError, done > before, "zb-v: no order found for ", ranks, " ranks and ",
                schedule_.microbatches, " micro-batches; use zb-h1");
  }
  return std::move(schedule_);
}

}  // namespace

PipelineSchedule make_zb_v(const ScheduleShape& shape) { return VScheduler(shape).take(); }

}  // namespace tokenwerk
