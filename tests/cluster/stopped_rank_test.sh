#!/usr/bin/env bash
# A rank of eight on four hosts stops without dying: the ranks' watchdog names it and its host and what the others wait in,
# `tokenwerk launch` starts them again, and the losses are those of a run that nobody disturbed.
set -euo pipefail
# shellcheck source=tests/cluster/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
enter_world "$@"
start_hosts 4
prepare_training "$1" 40
train_here undisturbed 8

slow_link 20Mbit "${hosts[@]}"
launch_across stopped h1,h2,h3,h4 --training.watchdog_seconds 5 &
launcher=$!
wait_for_steps stopped 15
victim=$(running_on h3 tokenwerk | tail -n 1)
rank=$(rank_of "$victim")
kill -STOP "$victim"
! has_steps stopped 40 || fail "it was too late to stop a rank"
wait_until "the hang is told" 60 has_event stopped died
mend_link "${hosts[@]}"
wait "$launcher" || fail "launch ended with $?"
grep -q "rank $rank host h3: has not come to .*; it gives no answer" stopped.out || fail "rank $rank is not named"
grep -q "\"event\":\"died\",.*\"rank\":$rank,\"host\":\"h3\"" stopped/events.jsonl || fail "events.jsonl does not name it"
[[ $(count_events stopped restart) == 1 ]] || fail "it was not restarted once"
expect_steps stopped 40
expect_equal_losses stopped undisturbed
