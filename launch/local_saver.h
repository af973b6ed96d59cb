#pragma once
/// When a run keeps a generation on its hosts, and what becomes of one that fails.

#include <chrono>
#include <functional>
#include <future>
#include <optional>
#include <span>
#include <string>

#include "launch/recipe.h"
#include "launch/run_log.h"
#include "launch/worker_pool.h"
#include "parallel/checkpoint/local/local_save.h"

namespace tokenwerk {

/// Writes local generations, one at a time, beside training as CheckpointSaver does, which shares
/// its copy of the arrays and its thread with it: written, handed over to the next host between two
/// steps, checked, there. One that fails is told, and the next one tries again.
///
/// Every rank makes the same calls; `advance` and `wait` are collective.
class LocalSaver {
 public:
  /// Runs work beside training, or at once.
  using Start = std::function<std::future<void>(std::function<void()>)>;

  /// Removes what the hosts hold and does not count.
  LocalSaver(LocalTier tier, const CheckpointSection& section, RunLog& log);

  /// Whether this rank says that one is due. With `local_every = "auto"` rank 0 decides for all,
  /// and none is while one is under way.
  [[nodiscard]] bool due(Index step) const;
  /// Whether this rank's thread is at work on it.
  [[nodiscard]] bool working() const;
  [[nodiscard]] const LocalTier& tier() const { return tier_; }
  /// Collective. Begins one, for which training has waited `blocked` seconds; there is none under
  /// way. The arrays stay as they are until they are written. None is begun, which is told, as long
  /// as it cannot be written beside the checkpoints from where the run goes on.
  void begin(Index step, std::span<const ArrayPart> parts, const std::string& state_json,
             double blocked, const Start& start);
  /// Training has waited longer for it.
  void add_blocked(double seconds) { blocked_ += seconds; }
  /// Goes on with the one under way; no rank is at work.
  void advance();
  /// Ends the one under way.
  void end();
  /// The same, and it is known beside the checkpoints.
  void wait();
  /// Collective: the run goes on from this step again, leaving a batch out: of what the hosts hold
  /// of later steps, which know nothing of that, it may not go on. Throws SharedError (4) where
  /// that cannot be marked: whoever starts the run again meets the batch again.
  void gone_back(Index step);
  /// The run has ended and is saved: this run's folder goes from the hosts.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  enum class Stage { writing, checking };
  void next_stage();
  /// On the hosts of these ranks what does not count is removed, beside training.
  [[nodiscard]] std::future<void> remove_what_is_overtaken();
  void mark(Index step);
  /// The one under way has ended.
  void conclude();
  void saved(Index step, std::uint64_t bytes);
  void failed(Index step, const std::string& what) const;

  LocalTier tier_;
  CheckpointSection section_;
  RunLog* log_;
  std::optional<LocalSave> save_;  ///< under way
  Stage stage_ = Stage::writing;
  std::future<void> work_;            ///< this rank's share of the stage
  std::optional<std::string> ended_;  ///< with this fault; empty: well
  Index generations_ = 0;             ///< that were saved
  double all_blocked_ = 0.0;          ///< seconds, by all of them
  double blocked_ = 0.0;              ///< by the last one
  double cost_ = 1.0;                 ///< of the last good one; a guess at first
  double took_ = 0.0;                 ///< seconds from its begin to its end
  Clock::time_point begun_ = Clock::now();
  std::optional<WorkerPool> marking_;  ///< rank 0's, for shared storage, which may be slow
  std::future<void> marked_;
  WorkerPool worker_{1};  ///< ends first; compares copies, beside a checkpoint that is written
};

}  // namespace tokenwerk
