#include "parallel/pipeline/interleaved.h"

#include <algorithm>

namespace tokenwerk {
namespace {

/// The order in which every rank goes through its stages and whole groups of micro-batches.
struct GroupedOrder {
  int ranks;
  int stages_on_rank;

  /// The rank's forward number k: a group of P micro-batches through its first stage, the same
  /// through its second ...; the next group.
  [[nodiscard]] Action forward(int rank, int k) const {
    return {turn(k) * ranks + rank, Work::forward, microbatch(k)};
  }
  /// The same through the stages from the last to the first.
  [[nodiscard]] Action backward(int rank, int k) const {
    return {(stages_on_rank - 1 - turn(k)) * ranks + rank, Work::backward, microbatch(k)};
  }

 private:
  [[nodiscard]] int turn(int k) const { return k / ranks % stages_on_rank; }
  [[nodiscard]] int microbatch(int k) const {
    return k / (ranks * stages_on_rank) * ranks + k % ranks;
  }
};

std::vector<Action> program_of(int rank, const ScheduleShape& shape) {
  const GroupedOrder order{shape.ranks, shape.virtual_stages};
  const int groups = (shape.microbatches + shape.ranks - 1) / shape.ranks;
  const int all = groups * shape.ranks * shape.virtual_stages;
  // The first backward has come back from the last stage after two steps for each rank behind this
  // one; by then the group has been through all stages before the last of this rank.
  const int ahead =
      std::min(all, 2 * (shape.ranks - 1 - rank) + (shape.virtual_stages - 1) * shape.ranks);
  std::vector<Action> program;
  const auto add = [&](const Action& action) {
    if (action.microbatch < shape.microbatches) program.push_back(action);
  };
  for (int k = 0; k < ahead; ++k) add(order.forward(rank, k));
  for (int k = 0; k < all; ++k) {
    if (k + ahead < all) add(order.forward(rank, k + ahead));
    add(order.backward(rank, k));
  }
  return program;
}

}  // namespace

PipelineSchedule make_interleaved(const ScheduleShape& shape) {
  PipelineSchedule schedule{
      .name = {}, .microbatches = shape.microbatches, .rank_of_stage = {}, .program = {}};
  for (int stage = 0; stage < shape.ranks * shape.virtual_stages; ++stage)
    schedule.rank_of_stage.push_back(stage % shape.ranks);
  for (int rank = 0; rank < shape.ranks; ++rank)
    schedule.program.push_back(program_of(rank, shape));
  return schedule;
}

}  // namespace tokenwerk
