#include "launch/local_run.h"

#include <fmt/core.h>

#include <random>

#include "core/data/files.h"
#include "core/log.h"
#include "launch/agreement.h"
#include "launch/byte_size.h"
#include "launch/counted.h"
#include "launch/local_marker.h"
#include "parallel/checkpoint/durable.h"
#include "parallel/checkpoint/folder.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace fs = std::filesystem;
namespace {

std::string random_digits() {
  std::random_device random;
  return hexadecimal((std::uint64_t{random()} << 32) | random());
}

/// Rank 0's: which folder is this run's, and which was that of the run before.
struct Folders {
  std::string run, stale;
};
Folders mark_run(const Recipe& recipe) {
  const fs::path checkpoints = recipe.checkpoint.directory.value();
  const auto there = read_local_marker(checkpoints);
  if (there && recipe.checkpoint.resume == "latest") return {there->run, ""};
  const Folders folders{random_digits(), there ? there->run : std::string()};
  write_local_marker(checkpoints, {folders.run, std::nullopt});
  return folders;
}

/// The step of the newest complete checkpoint, of rank 0; -1 where there is none.
Index newest_shared_step(Communicator& ranks, const fs::path& checkpoints) {
  Index step = -1;
  agree_with_first(ranks, [&] {
    if (const auto newest = latest_checkpoint(checkpoints))
      step = step_of(newest->filename().string()).value_or(-1);
  });
  return all_reduce(ranks, ranks.rank() == 0 ? step + 1 : 0) - 1;
}

}  // namespace

fs::path local_folder_on(const std::string& local, const std::string& host) {
  constexpr std::string_view pattern = "{host}";
  std::string path = local;
  for (std::size_t at = path.find(pattern); at != std::string::npos;
       at = path.find(pattern, at + host.size()))
    path.replace(at, pattern.size(), host);
  return path;
}

std::optional<LocalTier> open_local_tier(Communicator& ranks, const std::string& host,
                                         const Recipe& recipe) {
  if (!recipe.checkpoint.local) return std::nullopt;
  Folders folders;
  agree_with_first(ranks, [&] { folders = mark_run(recipe); });
  const std::string run = broadcast_string(ranks, folders.run);
  const std::string stale = broadcast_string(ranks, folders.stale);
  const std::string session = broadcast_string(ranks, random_digits().substr(8));
  const fs::path local = local_folder_on(*recipe.checkpoint.local, host);
  LocalTier tier{&ranks, gather_hosts(ranks, host), local / run, session};
  if (tier.leads() && !stale.empty()) {
    std::error_code fault;
    fs::remove_all(local / stale, fault);
    if (fault) log_warning("{}: cannot be removed: {}", (local / stale).string(), fault.message());
  }
  if (tier.hosts.hosts() == 1 && ranks.rank() == 0)
    log_warning(
        "checkpoint.local: all ranks are on one host: no other keeps a copy, so that only killed "
        "ranks go on from it");
  return tier;
}

std::optional<LocalState> load_local(const LocalTier& tier, Stream& stream,
                                     const fs::path& checkpoints, const TrainingState& run,
                                     Model& model, AdamWOptimizer& optimizer) {
  Communicator& ranks = *tier.ranks;
  const Index shared = newest_shared_step(ranks, checkpoints);
  const std::vector<ArrayTarget> targets = training_targets(model, optimizer);
  stream.synchronize();  // what was queued on these arrays must not come after what is read
  const auto loaded = resume_local(tier, shared, targets, [&](const CheckpointState& state) {
    check_same_run(training_state(state), run, state.folder);
  });
  const std::string newest = shared < 0
                                 ? "there is no checkpoint"
                                 : fmt::format("the newest checkpoint is that of step {}", shared);
  if (tier.leads()) remove_generations_after(tier, loaded ? loaded->state.step : shared);
  if (!loaded) {
    log_info("no whole local generation is newer: {}", newest);
    return std::nullopt;
  }
  std::string from = fmt::format(
      "the local generation of step {}: {}, {} from the copy of another host, {} over the network; "
      "{}",
      loaded->state.step, count_of(loaded->shards, "shard"), loaded->from_copies,
      size_text(static_cast<std::size_t>(loaded->received_bytes)), newest);
  return LocalState{training_state(loaded->state), std::move(from)};
}

}  // namespace tokenwerk
