#!/usr/bin/env bash
# A rank is killed under srun: Slurm ends all ranks and the job has failed; the same job submitted again goes on from its
# last checkpoint with the losses that it would have had.
set -euo pipefail
# shellcheck source=tests/cluster/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
need_slurm
enter_world "$@"
start_hosts 4
start_slurm 2
prepare_training "$1" 40
train_here undisturbed 8

slow_link 20Mbit "${hosts[@]}"
job=$(submit_training srun killed)
wait_for_steps killed 15
victim=$(running_on h3 tokenwerk | head -n 1)
kill -KILL "$victim"
wait_for_job "$job" FAILED
wait_until "no rank is left on any host" 20 no_ranks_left
! has_steps killed 40 || fail "it was too late to kill"

mend_link "${hosts[@]}"
job=$(submit_training srun killed)
wait_for_job "$job" COMPLETED
grep -q "resumes after step [123]0" killed.log || fail "it did not resume"
expect_equal_losses killed undisturbed
