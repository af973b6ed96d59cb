#include "launch/local_run.h"

#include <fmt/core.h>

#include "core/log.h"
#include "launch/agreement.h"
#include "launch/byte_size.h"
#include "launch/counted.h"
#include "parallel/checkpoint/folder.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace fs = std::filesystem;
namespace {

/// The step of the newest checkpoint that is complete by its sizes, of rank 0; -1 where there is
/// none.
Index newest_shared_step(Communicator& ranks, const fs::path& checkpoints) {
  Index step = -1;
  agree_with_first(ranks, [&] {
    if (const auto newest = latest_checkpoint(checkpoints))
      step = step_of(newest->filename().string()).value_or(-1);
  });
  return all_reduce(ranks, ranks.rank() == 0 ? step + 1 : 0) - 1;
}

/// From a generation newer than `shared`, the step of a checkpoint.
std::optional<LoadedState> load_local(const LocalTier& tier, Stream& stream, Index shared,
                                      const TrainingState& run, Model& model,
                                      AdamWOptimizer& optimizer) {
  const std::vector<ArrayTarget> targets = training_targets(model, optimizer);
  stream.synchronize();  // what was queued on these arrays must not come after what is read
  const auto loaded = resume_local(tier, shared, targets, [&](const CheckpointState& state) {
    check_same_run(training_state(state), run, state.folder);
  });
  const std::string newest = shared < 0
                                 ? "there is no checkpoint"
                                 : fmt::format("the newest checkpoint is that of step {}", shared);
  if (!loaded) {
    log_info("no whole local generation is newer: {}", newest);
    return std::nullopt;
  }
  std::string from = fmt::format(
      "the local generation of step {}: {}, {} from the copy of another host, {} over the network; "
      "{}",
      loaded->state.step, count_of(loaded->shards, "shard"), loaded->from_copies,
      size_text(static_cast<std::size_t>(loaded->received_bytes)), newest);
  return LoadedState{training_state(loaded->state), std::move(from), std::nullopt};
}

}  // namespace

std::optional<LoadedState> load_newest(Communicator& ranks, Stream& stream, const LocalTier* local,
                                       const fs::path& checkpoints, const TrainingState& run,
                                       Model& model, AdamWOptimizer& optimizer,
                                       const OnDamaged& on_damaged, const Alive& alive) {
  const Index complete = local != nullptr ? newest_shared_step(ranks, checkpoints) : -1;
  if (local != nullptr)
    if (auto kept = load_local(*local, stream, complete, run, model, optimizer)) return kept;
  const auto loaded =
      load_training(ranks, stream, checkpoints, run, model, optimizer, on_damaged, alive);
  if (!loaded) return std::nullopt;
  if (loaded->step < complete)  // what seemed newest is damaged: a generation may be newer now
    if (auto kept = load_local(*local, stream, loaded->step, run, model, optimizer)) return kept;
  return LoadedState{*loaded, fmt::format("the checkpoint of step {}", loaded->step), loaded->step};
}

}  // namespace tokenwerk
