#!/usr/bin/env bash
# Slurm asks jobs to save before their time is over, the batch script (mpirun) or the ranks (srun): they save, exit with
# 75, go back into the queue, and go on where they stopped.
set -euo pipefail
# shellcheck source=tests/cluster/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
need_slurm
enter_world "$@"
start_hosts 4
start_slurm 2
prepare_training "$1" 100000

# stopped LAUNCHER: whether its job saved and waits for its second run.
stopped() {
  grep -qs "stopped by a signal after step" "$1.log" && [[ $(job_field "${jobs[$1]}" JobState) == PENDING ]]
}

# A minute is the shortest limit that there is; Slurm asks up to half a minute early.
declare -A jobs steps
slow_link 8Mbit "${hosts[@]}"
jobs[mpirun]=$(submit_training mpirun mpirun --nodes=2 --time=1 --signal=B:USR1@10)
jobs[srun]=$(submit_training srun srun --nodes=2 --time=1 --signal=USR1@10)
for launcher in mpirun srun; do
  wait_until "the job of $launcher has saved" 100 stopped "$launcher"
  steps[$launcher]=$(saved_step "$launcher")
  sed -i '/^stop_after/d; s/^steps = .*/&\nstop_after = '$((steps[$launcher] + 5))/ "$launcher.toml"
done
mend_link "${hosts[@]}"
for launcher in mpirun srun; do
  start_again "${jobs[$launcher]}"
done
for launcher in mpirun srun; do
  wait_for_job "${jobs[$launcher]}" COMPLETED
  expect_gone_on "$launcher"
  train_here "undisturbed_$launcher" 4 --training.stop_after $((steps[$launcher] + 5))
  expect_equal_losses "$launcher" "undisturbed_$launcher"
done
