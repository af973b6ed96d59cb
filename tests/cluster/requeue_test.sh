#!/usr/bin/env bash
# scontrol requeue of jobs that train, with mpirun and with srun: they run again, go on from a checkpoint, and end with
# the losses of a run that nobody disturbed.
set -euo pipefail
# shellcheck source=tests/cluster/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
need_slurm
enter_world "$@"
start_hosts 4
start_slurm 2
prepare_training "$1" 40

slow_link 20Mbit "${hosts[@]}"
declare -A jobs
for launcher in mpirun srun; do
  jobs[$launcher]=$(submit_training "$launcher" "$launcher" --nodes=2)
done
for launcher in mpirun srun; do
  wait_for_steps "$launcher" 15
  scontrol requeue "${jobs[$launcher]}"
done
mend_link "${hosts[@]}"
for launcher in mpirun srun; do start_again "${jobs[$launcher]}"; done
train_here undisturbed 4
for launcher in mpirun srun; do
  wait_for_job "${jobs[$launcher]}" COMPLETED
  [[ $(job_field "${jobs[$launcher]}" Restarts) == 1 ]] || fail "the job of $launcher ran otherwise than twice"
  grep -q "resumes after step" "$launcher.log" || fail "the job of $launcher did not resume"
  expect_equal_losses "$launcher" undisturbed
done
