#!/usr/bin/env bash
# `tokenwerk launch` over four hosts loses one: it finds out which, goes on with fewer ranks from the last checkpoint, and
# takes a spare where it has one. Then a link is cut for good, and mpirun waits for ever.
set -euo pipefail
# shellcheck source=tests/cluster/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
enter_world "$@"
start_hosts 4
prepare_training "$1" 60
train_here undisturbed 8

no_ranks_left_on() {
  local host
  for host; do ! running_on "$host" tokenwerk || return 1; done
}

slow_link 20Mbit "${hosts[@]}"
launch_across killed h1,h2,h3,h4 &
launcher=$!
wait_for_steps killed 15
kill_host h3
mend_link h1 h2 h4
wait "$launcher" || fail "launch ended with $?"
grep -q '"event":"excluded".*"host":"h3"' killed/events.jsonl || fail "h3 is not named"
grep -q '"event":"restart".*"ranks":4.*50 % of the capacity lost' killed/events.jsonl || fail "the ranks are not 4"
expect_near_losses killed undisturbed 60
has_event killed "done" || fail "it did not end"

start_host h3
slow_link 20Mbit "${hosts[@]}"
launch_across cut h1,h2 --spares h3,h4 --hang-seconds 8 &
launcher=$!
wait_for_steps cut 15
cut_link h2
mend_link h1 h3 h4
wait "$launcher" || fail "launch ended with $?"
grep -q '"event":"\(hang\|died\)"' cut/events.jsonl || fail "the cut is not told"
grep -q '"event":"restart".*"ranks":4,.* 0 % of the capacity lost' cut/events.jsonl || fail "no spare came"
expect_near_losses cut undisturbed 60
wait_until "no rank is left on h1, h3 and h4" 20 no_ranks_left_on h1 h3 h4
