#!/usr/bin/env bash
# A node of each of two jobs loses its power and is down for Slurm: of one the last node, of the other, which is supervised
# by `tokenwerk launch`, the first, where the batch script runs. Slurm puts both back into the queue, they run again on the
# nodes that are left, and go on from a checkpoint to the losses of a run that nobody disturbed.
set -euo pipefail
# shellcheck source=tests/cluster/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
need_slurm
enter_world "$@"
start_hosts 4
start_slurm 2
prepare_training "$1" 60
train_here undisturbed 4

# nodes_of 7, one a line
nodes_of() {
  scontrol show hostnames "$(job_field "$1" NodeList)"
}

slow_link 20Mbit "${hosts[@]}"
declare -A jobs
jobs[plain]=$(submit_training srun plain --nodes=2)
jobs[launched]=$(launch_training mpirun launched --nodes 2)
for run in "${!jobs[@]}"; do wait_for_steps "$run" 15; done
down=("$(nodes_of "${jobs[plain]}" | tail -n 1)" "$(nodes_of "${jobs[launched]}" | head -n 1)")
for node in "${down[@]}"; do
  kill_host "$node"
  scontrol update NodeName="$node" State=DOWN Reason=test # as slurmctld does after SlurmdTimeout
done
for run in "${!jobs[@]}"; do
  ! has_steps "$run" 60 || fail "it was too late for $run"
done
mapfile -t left < <(printf '%s\n' "${hosts[@]}" "${down[@]}" | sort | uniq --unique)
mend_link "${left[@]}"
for run in "${!jobs[@]}"; do
  start_again "${jobs[$run]}"
  wait_for_job "${jobs[$run]}" COMPLETED
  [[ $(job_field "${jobs[$run]}" Restarts) == 1 ]] || fail "the job of $run ran otherwise than twice"
  [[ $(nodes_of "${jobs[$run]}") == "$(printf '%s\n' "${left[@]}")" ]] || fail "$run ran on other nodes"
  has_event "$run" resume || fail "the job of $run did not resume"
  expect_equal_losses "$run" undisturbed
done
