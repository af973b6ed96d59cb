#pragma once
/// Which rank holds the others up: the one that waits least while they wait.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "launch/run_log.h"
#include "launch/step_meter.h"
#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// What the ranks that do like work (those of one place along the pipeline) spent since the last
/// look: sums over ranks and steps, but for the rank that waited least.
struct PeerSeconds {
  Index ranks = 0;
  double whole = 0.0;
  double waiting = 0.0;
  double reading = 0.0;
  Index least_rank = 0;        ///< of the run
  double least_waiting = 0.0;  ///< of that rank
};

/// A rank that stands out in one look.
struct Suspect {
  Index rank = 0;
  /// How much longer it computed and read than its peers on average, as a part of the time.
  double excess = 0.0;
  double waiting = 0.0;        ///< its own, as a part of the time
  double peers_waiting = 0.0;  ///< that of its peers on average
  friend bool operator==(const Suspect&, const Suspect&) = default;
};

/// The rank that stands out most: it waits less than half as long as its peers do on average, and
/// the difference is more than `least_excess` of the time. Nothing where no rank does, as where a
/// rank has no peers: stages of a pipeline differ in work by design.
[[nodiscard]] std::optional<Suspect> suspect_of(std::span<const PeerSeconds> peers,
                                                double least_excess);

/// Believes in a straggler once the same rank has stood out in several looks in a row that took a
/// few seconds together, and until it has not done so for as long.
class StragglerJudge {
 public:
  /// What a look has changed.
  enum class News { none, named, over };

  /// `seconds`: how long the steps took that were looked at.
  [[nodiscard]] News look(const std::optional<Suspect>& suspect, double seconds);
  /// The straggler; after News::over, the former one.
  [[nodiscard]] Index rank() const { return named_; }

 private:
  /// Looks in a row.
  struct Evidence {
    Index looks = 0;
    double seconds = 0.0;
    [[nodiscard]] bool enough() const;
  };
  Index named_ = -1;
  bool believes_ = false;
  Index suspected_ = -1;
  Evidence for_suspect_;    ///< it stood out
  Evidence against_named_;  ///< the straggler did not
};

/// Adds up what this rank's steps took, and every so many steps compares it with its peers in two
/// messages of at most 32 bytes for each place along the pipeline, whose rounds grow with the
/// logarithm of the ranks. A straggler is told once, and once more when it is over or another.
class Stragglers {
 public:
  /// `here`, `places`: this rank's place along the pipeline, and how many there are. All ranks make
  /// it together, and make the same calls.
  Stragglers(Communicator& ranks, std::string host, Index here, Index places, Index every);

  /// One step of this rank; where waiting is not known, no rank is ever named.
  void add(const StepSeconds& seconds);
  /// Collective, after each step: who the straggler is, "rank 3 host n2", or nothing. On all ranks.
  [[nodiscard]] const std::string& after(Index step, RunLog& log);

 private:
  /// Collective: what all ranks have spent, by place along the pipeline.
  [[nodiscard]] std::vector<PeerSeconds> gathered() const;
  /// Collective.
  void tell(StragglerJudge::News news, const std::optional<Suspect>& suspect, Index step,
            RunLog& log);
  /// What this rank, the straggler, spent.
  [[nodiscard]] std::string spent(const Suspect& suspect) const;

  Communicator* ranks_;
  std::string host_;
  Index here_;
  Index places_;
  Index every_;
  Index steps_ = 0;  ///< since the last look, like the seconds
  double whole_ = 0.0, waiting_ = 0.0, reading_ = 0.0;
  bool known_ = true;  ///< whether waiting was known in every step
  StragglerJudge judge_;
  std::string name_;
};

}  // namespace tokenwerk
