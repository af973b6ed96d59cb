#!/usr/bin/env bash
# mpirun over four hosts: the losses of the same ranks on one host, bit for bit, and doctor names every host.
set -euo pipefail
# shellcheck source=tests/cluster/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
enter_world "$@"
start_hosts 4
prepare_training "$1"

train_here one_host 8
train_across four_hosts
expect_steps four_hosts 30
expect_equal_losses four_hosts one_host

on_host h1 mpirun --host "$(slots 1)" "$program" doctor --disk-megabytes 0 >doctor.out 2>&1
grep -q "4 on 4 hosts" doctor.out || fail "doctor counts other hosts"
for i in 1 2 3 4; do
  grep -q "rank $((i - 1)) host h$i" doctor.out || fail "doctor does not name h$i"
done
