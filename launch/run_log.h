#pragma once
/// Where the figures of a run go: console, metrics.jsonl, TensorBoard, events.jsonl. On ranks but
/// the first, nowhere.

#include <optional>
#include <string>

#include "launch/events.h"
#include "launch/metrics.h"
#include "launch/progress.h"
#include "launch/recipe.h"
#include "launch/tensorboard.h"

namespace tokenwerk {

class RunLog {
 public:
  /// `resumed_step`: empty for a fresh run.
  RunLog(const Recipe& recipe, int rank, std::optional<Index> resumed_step);

  /// Adds the goodput.
  void step(StepMetrics metrics);
  void validation(const ValidationMetrics& metrics);
  /// A line of its own on the console and in log.txt.
  void note(const std::string& text);
  void finish() { progress_.finish(); }
  /// The run goes on from an earlier step: lines of later ones are cut off, as for a resumed run.
  /// Returns how many seconds these steps took.
  double rewind(Index step);
  /// A line of events.jsonl, with this attempt.
  void event(RunEvent event) const;

 private:
  ProgressLine progress_;
  std::filesystem::path folder_;
  std::optional<EventLog> events_;
  std::optional<MetricsWriter> metrics_;
  std::optional<TensorBoardWriter> tensorboard_;
  double began_ = 0;           ///< unix time of the run's first start
  double useful_seconds_ = 0;  ///< of the steps up to now, each counted once
};

}  // namespace tokenwerk
