#!/usr/bin/env bash
# A NaN on one of eight ranks on four hosts, under each policy: stopped with 5, skipped, or left out after a rewind, with
# the losses of the same ranks on one host, bit for bit, and without a restart.
set -euo pipefail
# shellcheck source=tests/cluster/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
enter_world "$@"
start_hosts 4
prepare_training "$1" 20
train_here undisturbed 8
export TOKENWERK_ALLOW_INJECT=1

declare -A ends=([stop]=5 [skip]=0 [rewind]=0)
for policy in "${!ends[@]}"; do
  flags=(--training.on_bad_step "$policy" --inject "nan:rank=5,step=14")
  code=0
  train_here "${policy}_here" 8 "${flags[@]}" || code=$?
  [[ $code == "${ends[$policy]}" ]] || fail "$policy on one host ended with $code"
  code=0
  launch_across "$policy" h1,h2,h3,h4 "${flags[@]}" || code=$?
  [[ $code == "${ends[$policy]}" ]] || fail "$policy ended with $code"
  [[ $(count_events "$policy" "$policy") == 1 ]] || fail "$policy is not told once"
  ! has_event "$policy" restart || fail "$policy: a restart cannot help"
  expect_equal_losses "$policy" "${policy}_here"
done
expect_steps skip 20
expect_steps rewind 20
expect_steps stop 13
diff <(losses undisturbed | head -n 13) <(losses stop) || fail "before the NaN the losses were others"
