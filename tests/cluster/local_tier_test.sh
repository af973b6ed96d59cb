#!/usr/bin/env bash
# `checkpoint.local`: a host is killed and what it held on its own disk is gone with it. There is no checkpoint on shared
# storage at all, so the run goes on from the copy on the next host: on a spare with the same bits, and on fewer ranks.
set -euo pipefail
# shellcheck source=tests/cluster/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
enter_world "$@"
start_hosts 5
prepare_training "$1" 60
train_here undisturbed 8

# launch_local RUN HOSTS [FLAG...]: from h1, two ranks a host; a checkpoint at the end only.
launch_local() {
  local run=$1 on=$2
  shift 2
  on_host h1 "$program" launch recipe.toml --hosts "$on" --ranks-per-host 2 --log.directory "$run" --checkpoint.every 0 \
    --checkpoint.local /run/host/local --checkpoint.local_every 5 "$@" >"$run.out" 2>&1
}
# resumed RUN REGEX: the event of going on says from where.
resumed() {
  grep -q "\"event\":\"resume\".*the local generation of step $2.*there is no checkpoint" "$1/events.jsonl" ||
    fail "$1 did not go on from a local generation: $(grep '"resume"\|"restart"' "$1/events.jsonl")"
}
no_checkpoint_but() {
  local found
  found=$(cd "$1/checkpoints" && echo step-*)
  [[ $found == "$2" ]] || fail "$1 has the checkpoints $found"
}

slow_link 20Mbit "${hosts[@]}"
launch_local spare h1,h2,h3,h4 --spares h5 &
launcher=$!
wait_for_steps spare 17
compgen -G "spare/checkpoints/step-*" >/dev/null && fail "there is a checkpoint already"
on_host h4 bash -c 'compgen -G "/run/host/local/*/step-*/copy-00004.json"' >/dev/null || fail "h4 keeps no copy of h3"
kill_host h3
mend_link h1 h2 h4 h5
wait "$launcher" || fail "launch ended with $?"
resumed spare "[1-5][05]: 8 shards, 2 from the copy of another host"
grep -q '"event":"restart".*"ranks":8,.* 0 % of the capacity lost' spare/events.jsonl || fail "no spare came"
expect_steps spare 60
expect_equal_losses spare undisturbed
no_checkpoint_but spare step-00000060

start_host h3
slow_link 20Mbit "${hosts[@]}"
launch_local fewer h1,h2,h3,h4 &
launcher=$!
wait_for_steps fewer 17
kill_host h3 # 4 ranks go on, on h2, which alone has its own shards now, and h4, which keeps those of h3
mend_link h1 h2 h4 h5
wait "$launcher" || fail "launch ended with $?"
resumed fewer "[1-5][05]: 8 shards, 4 from the copy of another host"
grep -q '"event":"restart".*"ranks":4.*50 % of the capacity lost; spare: h1' fewer/events.jsonl ||
  fail "the ranks are not 4 on h2 and h4: $(grep '"restart"' fewer/events.jsonl)"
expect_near_losses fewer undisturbed 60
no_checkpoint_but fewer step-00000060
