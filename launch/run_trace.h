#pragma once
/// log.trace: the timeline of a few steps of a run, log.directory/trace.json.

#include <filesystem>
#include <optional>

#include "core/trace.h"
#include "launch/recipe.h"
#include "parallel/comm/environment.h"

namespace tokenwerk {

/// Records the second to the sixth step that a run makes: the first is no step like others, since
/// it meets everything for the first time. It must end after the communicators.
class RunTrace {
 public:
  /// `recipe.log.trace` says whether anything is recorded at all.
  RunTrace(MpiEnvironment& environment, const Recipe& recipe);
  RunTrace(const RunTrace&) = delete;
  RunTrace& operator=(const RunTrace&) = delete;
  ~RunTrace();

  /// Null where nothing is to be recorded.
  [[nodiscard]] TraceRecorder* recorder() { return recorder_ ? &*recorder_ : nullptr; }

  /// Throws ConfigError where it is known from the start that the file cannot be written.
  void check() const;

  void begin_step();
  /// `sent`: by this rank in this step.
  void end_step(Index step, const Traffic& sent);

  /// Whether the last step of the window has ended and nothing is written yet.
  [[nodiscard]] bool complete() const { return recorder_ && !written_ && steps_ >= last_step; }
  /// Writes what is recorded, or warns that it cannot: no run ends for its timeline. All ranks call
  /// together.
  void write(Communicator& world);
  /// Writes what there is of a run that ended before its window. Nothing otherwise.
  void finish(Communicator& world);

 private:
  static constexpr Index first_step = 2, last_step = 6;

  MpiEnvironment* environment_;
  std::filesystem::path file_;
  std::optional<TraceRecorder> recorder_;
  Index steps_ = 0;  ///< of this run, begun so far
  std::chrono::steady_clock::time_point step_begin_;
  bool written_ = false;
};

}  // namespace tokenwerk
