#!/usr/bin/env bash
# `tokenwerk launch --slurm` submits a job that supervises its ranks, started by mpirun or by srun: the losses of the same
# ranks on one host, bit for bit.
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
  job=$(launch_training "$starter" "$starter" --nodes 4)
  wait_for_job "$job" COMPLETED
  expect_equal_losses "$starter" one_host
  grep -q '"event":"done","attempt":1' "$starter/events.jsonl" || fail "$starter: not supervised, or not at once"
done
