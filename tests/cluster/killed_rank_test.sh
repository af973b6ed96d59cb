#!/usr/bin/env bash
# A rank is killed under mpirun over four hosts: mpirun says so, ends all ranks on all hosts, and the run goes on
# from its last checkpoint with the losses that it would have had.
set -euo pipefail
# shellcheck source=tests/cluster/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
enter_world "$@"
start_hosts 4
prepare_training "$1" 40
train_here undisturbed 8

slow_link 20Mbit "${hosts[@]}"
train_across killed &
mpirun=$!
wait_for_steps killed 15
victim=$(running_on h3 tokenwerk | head -n 1)
kill -KILL "$victim"
code=0
wait "$mpirun" || code=$?
((code != 0)) || fail "mpirun ended with 0"
wait_until "no rank is left on any host" 20 no_ranks_left
! has_steps killed 40 || fail "it was too late to kill"

mend_link "${hosts[@]}"
train_across killed --checkpoint.resume latest
grep -q "resumes after step [123]0" killed.out || fail "it did not resume"
expect_equal_losses killed undisturbed
