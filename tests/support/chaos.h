#pragma once
/// Kills processes of a run that `tokenwerk launch` keeps alive, at random moments.

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <random>
#include <set>

#include "tests/support/training.h"

namespace tokenwerk {

/// What is killed. A stopped rank hangs all others.
enum class Victim { one_rank, all_ranks, starter, stopped_rank };
/// In `save` a checkpoint is being written as the kill is decided; it comes up to 40 ms later.
enum class Moment { start, training, save };

struct Kill {
  Victim victim = Victim::one_rank;
  Moment moment = Moment::start;
  bool hit_save = false;  ///< a checkpoint was being written, and then was not finished
};

/// The sign of life that rank 0 gives: which attempt is at which step.
struct Beat {
  int attempt = 0;
  int step = 0;
  std::string phase = "";
};

/// A supervised run, and what kills its processes at random.
class Chaos {
 public:
  /// Starts `tokenwerk launch` with these flags, which writes to `run` in the folder and saves
  /// every so many steps. One seed gives the same kills, as far as the run keeps time.
  Chaos(const TrainingFolder& folder, const std::string& run, int save_every,
        const std::vector<std::string>& flags, std::uint32_t seed);

  /// Kills something of the next attempt, once; false where the run has ended before.
  [[nodiscard]] bool strike();
  [[nodiscard]] CommandResult wait() { return launch_.wait(std::chrono::minutes(10)); }
  [[nodiscard]] const std::vector<Kill>& kills() const { return kills_; }
  /// Every rank that was seen.
  [[nodiscard]] const std::set<pid_t>& seen() const { return seen_; }

 private:
  /// mpirun and its ranks, as far as they have been started.
  struct Attempt {
    pid_t starter = 0;
    std::vector<pid_t> ranks;
  };
  [[nodiscard]] Attempt attempt();
  [[nodiscard]] bool wait_for_attempt();
  void wait_for(Moment moment);
  [[nodiscard]] bool kill(Victim victim);
  [[nodiscard]] Beat beat() const;
  [[nodiscard]] bool is_training() const;
  [[nodiscard]] bool is_saving() const;
  [[nodiscard]] int chance(int below) {
    return static_cast<int>(random_() % static_cast<std::uint32_t>(below));
  }
  template <std::size_t n>
  [[nodiscard]] std::size_t choice(const std::array<int, n>& percents);
  /// Polls until the condition holds, the attempt has ended, or the time is over.
  template <typename Condition>
  void wait_until(Condition condition, std::chrono::milliseconds limit);

  std::filesystem::path log_;
  int save_every_;
  std::mt19937 random_;
  RunningCommand launch_;
  pid_t starter_ = 0;  ///< of this attempt, or of the one before
  Beat last_;          ///< of the attempt before
  std::vector<Kill> kills_;
  std::set<pid_t> seen_;
};

}  // namespace tokenwerk
