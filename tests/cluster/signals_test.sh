#!/usr/bin/env bash
# Asked by a signal, jobs save, exit with 75, go back into the queue and go on where they stopped: under mpirun on the
# USR1 that the batch script passes on, ours or that of `launch --slurm`, under srun also on the TERM with which Slurm ends
# ranks. A cancelled job stays away.
set -euo pipefail
# shellcheck source=tests/cluster/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
need_slurm
enter_world "$@"
start_hosts 4
start_slurm 2
prepare_training "$1" 40

declare -A jobs
slow_link 20Mbit "${hosts[@]}"
for launcher in mpirun srun; do
  jobs[$launcher]=$(submit_training "$launcher" "$launcher" --nodes=2)
done
wait_for_steps mpirun 5
scancel --signal=USR1 --batch "${jobs[mpirun]}"
wait_for_steps srun 5
scancel --signal=TERM "${jobs[srun]}"

cancelled=$(submit_training srun cancelled --nodes=2) # runs once the others are back in the queue
wait_for_steps cancelled 5
scancel "$cancelled"
wait_for_job "$cancelled" CANCELLED
wait_until "no rank is left" 20 no_ranks_left
wait_until "the cancelled job has saved" 20 grep -s "stopped by a signal after step" cancelled.log

jobs[launched]=$(launch_training mpirun launched --nodes 2)
ln -s "launched/slurm-${jobs[launched]}.out" launched.log
wait_for_steps launched 5
scancel --signal=USR1 --batch "${jobs[launched]}"
wait_until "the launched job has saved" 20 grep -s "stopped by a signal after step" launched.log

mend_link "${hosts[@]}"
for launcher in "${!jobs[@]}"; do start_again "${jobs[$launcher]}"; done
train_here undisturbed 4
for launcher in "${!jobs[@]}"; do
  wait_for_job "${jobs[$launcher]}" COMPLETED
  expect_gone_on "$launcher"
  expect_equal_losses "$launcher" undisturbed
done
[[ $(job_field "$cancelled" JobState) == CANCELLED ]] || fail "a cancelled job came back"
