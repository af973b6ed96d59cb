#pragma once
/// Where the seconds from the start of the program to the end of its first step go.

#include <array>
#include <chrono>
#include <string>

#include "parallel/comm/communicator.h"

namespace tokenwerk {

class StartupBudget {
 public:
  enum Phase {
    loading,  ///< the program and its libraries, before main
    mpi,      ///< MPI_Init, where the ranks find each other
    recipe,
    device,  ///< opened, and its peak measured
    communicators,
    data,
    model,
    checkpoint,  ///< loaded, or the weights initialised
    first_step,
    phases
  };

  /// Made first in main's work: what came before is loading, and so many seconds of MPI's.
  explicit StartupBudget(double mpi_seconds);

  /// What work returns; its seconds are added to the phase's.
  template <typename Work>
  auto during(Phase phase, const Work& work) {
    const Stretch stretch(seconds_.at(phase));
    return work();
  }

  /// Collective, one small message a round: of each phase the slowest rank's seconds, and of the
  /// whole; what the phases leave over is "other".
  [[nodiscard]] std::string report(Communicator& ranks) const;

 private:
  using Clock = std::chrono::steady_clock;

  /// Adds the seconds of its life.
  class Stretch {
   public:
    explicit Stretch(double& seconds) : seconds_(&seconds) {}
    Stretch(const Stretch&) = delete;
    Stretch& operator=(const Stretch&) = delete;
    ~Stretch();

   private:
    double* seconds_;
    Clock::time_point begun_ = Clock::now();
  };

  std::array<double, phases> seconds_{};
  double before_ = 0.0;  ///< from the start of the program to that of this budget
  Clock::time_point begun_ = Clock::now();
};

}  // namespace tokenwerk
