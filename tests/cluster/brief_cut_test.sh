#!/usr/bin/env bash
# The link of a host is cut for some seven seconds: the run waits and goes on by itself, for TCP sends again what was lost. The
# supervisor sees nothing to restart, and the losses are those of a run whose links held.
set -euo pipefail
# shellcheck source=tests/cluster/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
enter_world "$@"
start_hosts 4
prepare_training "$1" 60
train_here undisturbed 8

slow_link 20Mbit "${hosts[@]}"
launch_across cut h1,h2,h3,h4 &
launcher=$!
wait_for_steps cut 15
cut_link h3
before=-1
until [[ $(count_steps cut) == "$before" ]]; do # what was on its way arrives
  before=$(count_steps cut)
  sleep 2
done
sleep 3
[[ $(count_steps cut) == "$before" ]] || fail "it trains without h3"
((before < 60)) || fail "it was too late to cut"
mend_link "${hosts[@]}"
wait "$launcher" || fail "launch ended with $?"
for event in died hang restart; do
  ! has_event cut "$event" || fail "there was a $event"
done
expect_steps cut 60
expect_equal_losses cut undisturbed
