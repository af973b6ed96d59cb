# What the tests of several hosts source; each file says at its head what it offers.
# shellcheck shell=bash

cluster_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
# shellcheck source=tests/cluster/world.sh
source "$cluster_folder/world.sh"
# shellcheck source=tests/cluster/hosts.sh
source "$cluster_folder/hosts.sh"
# shellcheck source=tests/cluster/slurm.sh
source "$cluster_folder/slurm.sh"
# shellcheck source=tests/cluster/training.sh
source "$cluster_folder/training.sh"
