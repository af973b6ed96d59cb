#!/usr/bin/env bash
# Batch jobs of Slurm on four hosts, with mpirun and with srun: the losses of the same ranks on one host, bit for bit.
set -euo pipefail
# shellcheck source=tests/cluster/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
need_slurm
enter_world "$@"
start_hosts 4
start_slurm 2
prepare_training "$1"

train_here one_host 8
for launcher in mpirun srun; do
  job=$(submit_training "$launcher" "$launcher")
  wait_for_job "$job" COMPLETED
  expect_steps "$launcher" 30
  expect_equal_losses "$launcher" one_host
done
