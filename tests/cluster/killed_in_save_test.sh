#!/usr/bin/env bash
# Ranks on several hosts are killed one after another, each while all ranks write a checkpoint beside training: what is
# half written is never taken for a checkpoint, and nothing is lost but the steps since the one before.
set -euo pipefail
# shellcheck source=tests/cluster/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
enter_world "$@"
start_hosts 4
prepare_training "$1" 40
flags=(--checkpoint.every 3 --parallel.zero 1) # each rank has a part of its own to write
train_here undisturbed 8 "${flags[@]}"

is_writing() {
  compgen -G "killed/checkpoints/*.writing" >/dev/null
}
has_saved_in() {
  grep -qs "\"event\":\"saved\",\"attempt\":$2," "$1/events.jsonl"
}

slow_link 20Mbit "${hosts[@]}"
launch_across killed h1,h2,h3,h4 "${flags[@]}" &
launcher=$!
hits=0
attempt=1
for host in h1 h3 h4; do
  wait_until "attempt $attempt has saved" 60 has_saved_in killed "$attempt"
  victim=$(running_on "$host" tokenwerk | tail -n 1)
  until is_writing; do kill -0 "$victim" || fail "it was too late to kill"; done
  kill -KILL "$victim"
  wait_until "death $attempt is told" 60 has_events killed died "$attempt"
  ! is_writing || hits=$((hits + 1))
  attempt=$((attempt + 1))
done
((hits > 0)) || fail "no kill hit a save"
mend_link "${hosts[@]}"
wait "$launcher" || fail "launch ended with $?"
expect_nothing_saved_was_lost killed
expect_steps killed 40
expect_equal_losses killed undisturbed
"$program" checkpoint verify killed/checkpoints >verify.out || fail "what is left is damaged: $(<verify.out)"
"$program" checkpoint diff killed/checkpoints undisturbed/checkpoints >diff.out || fail "other tensors: $(<diff.out)"
! is_writing || fail "what is half written was left behind"
