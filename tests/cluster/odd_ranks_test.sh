#!/usr/bin/env bash
# Of eight ranks on four hosts one is slow: it is named with its host, and nothing else happens. In another a bit of a weight
# flips: it is named, and the run starts again from the last checkpoint, in which the replicas were equal.
set -euo pipefail
# shellcheck source=tests/cluster/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
enter_world "$@"
start_hosts 4
prepare_training "$1"
train_here undisturbed 8
export TOKENWERK_ALLOW_INJECT=1

launch_across slow h1,h2,h3,h4 --log.every 5 --inject slow:rank=5,step=1,seconds=0.5 || fail "launch ended with $?"
grep -q '"event":"straggler",.*"rank":5,"host":"h3"' slow/events.jsonl || fail "rank 5 of h3 is not named"
grep -q 'slow: rank 5 host h3' slow.out || fail "the progress line does not name it"
! has_event slow restart || fail "a slow rank ended the run"
expect_equal_losses slow undisturbed

launch_across flipped h1,h2,h3,h4 --training.verify_replicas 4 --inject flip:rank=6,step=14 ||
  fail "launch ended with $?"
grep -q '"event":"replicas_differ",.*"step":16,"rank":6,"host":"h4"' flipped/events.jsonl ||
  fail "rank 6 of h4 is not named"
grep -q 'rank 6 host h4: after step 16 holds other bits than most of its 7 replicas' flipped.out ||
  fail "what differs is not said"
[[ $(count_events flipped restart) == 1 ]] || fail "it was not restarted once"
grep -q "resumes after step 10" flipped.out || fail "it did not go on from the checkpoint before"
expect_steps flipped 30
expect_equal_losses flipped undisturbed
