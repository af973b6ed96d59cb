#!/usr/bin/env bash
# `tokenwerk launch --slurm` submits a job that supervises its ranks, started by mpirun or by srun, here after a pre-flight:
# the losses of the same ranks on one host, bit for bit.
set -euo pipefail
# shellcheck source=tests/cluster/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
need_slurm
enter_world "$@"
start_hosts 4
start_slurm 2
prepare_training "$1"

train_here one_host 8
for starter in mpirun srun; do
  # What four hosts on a few cores measure differs by chance.
  [[ $starter == srun ]] && preflight=(--preflight --preflight-tolerance 99) || preflight=()
  job=$(launch_training "$starter" "$starter" --nodes 4 "${preflight[@]}")
  wait_for_job "$job" COMPLETED
  expect_equal_losses "$starter" one_host
  grep -q '"event":"done","attempt":1' "$starter/events.jsonl" || fail "$starter: not supervised, or not at once"
done
[[ -e srun/exclude.txt && ! -e mpirun/exclude.txt ]] || fail "the hosts are not measured before srun, or before mpirun too"
! grep -v '^#' srun/exclude.txt || fail "a host is left out"
