#!/usr/bin/env bash
# A node of each of two jobs loses its power and is down for Slurm: of one the first node, where the batch script runs, of
# the other the last. Slurm puts both back into the queue, they run again on the nodes that are left, and go on from a
# checkpoint to the losses of a run that nobody disturbed.
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
for launcher in mpirun srun; do
  jobs[$launcher]=$(submit_training "$launcher" "$launcher" --nodes=2)
done
for launcher in mpirun srun; do wait_for_steps "$launcher" 15; done
down=("$(nodes_of "${jobs[mpirun]}" | tail -n 1)" "$(nodes_of "${jobs[srun]}" | head -n 1)")
for node in "${down[@]}"; do
  kill_host "$node"
  scontrol update NodeName="$node" State=DOWN Reason=test # as slurmctld does after SlurmdTimeout
done
for launcher in mpirun srun; do
  ! has_steps "$launcher" 60 || fail "it was too late for $launcher"
done
mapfile -t left < <(printf '%s\n' "${hosts[@]}" "${down[@]}" | sort | uniq --unique)
mend_link "${left[@]}"
for launcher in mpirun srun; do
  start_again "${jobs[$launcher]}"
  wait_for_job "${jobs[$launcher]}" COMPLETED
  [[ $(job_field "${jobs[$launcher]}" Restarts) == 1 ]] || fail "the job of $launcher ran otherwise than twice"
  [[ $(nodes_of "${jobs[$launcher]}") == "$(printf '%s\n' "${left[@]}")" ]] || fail "$launcher ran on other nodes"
  grep -q "resumes after step [1-5]0" "$launcher.log" || fail "the job of $launcher did not resume"
  expect_equal_losses "$launcher" undisturbed
done
