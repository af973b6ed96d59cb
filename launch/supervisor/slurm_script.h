#pragma once
/// A supervised run as a Slurm batch job.

#include <string>
#include <vector>

#include "launch/supervisor/placement.h"

namespace tokenwerk {

struct SlurmJob {
  Index nodes = 1;
  Index ranks_per_node = 1;
  Index threads = 0;                 ///< of a rank, each on a core; 0: whole hosts are asked for
  bool gpus = false;                 ///< one for each rank
  double grace_seconds = 120;        ///< for saving, before Slurm ends the job
  std::string output;                ///< file, with Slurm's patterns
  std::vector<std::string> options;  ///< further ones of sbatch, "--partition=gpu"
  std::vector<std::string> command;  ///< `tokenwerk launch ...`, to run on the first node
};

/// The batch script: it runs the command, passes Slurm's and the user's signals on as "save and
/// stop", and puts the job back into the queue when the run has saved and stopped (code 75).
[[nodiscard]] std::string slurm_script(const SlurmJob& job);

}  // namespace tokenwerk
