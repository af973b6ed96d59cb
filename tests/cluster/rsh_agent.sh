#!/usr/bin/env bash
# What Open MPI calls in place of ssh: rsh_agent.sh [OPTION...] HOST COMMAND..., the command being words of a shell.
set -euo pipefail
while [[ $1 == -* ]]; do shift; done
host=$1
shift
exec "$(dirname "${BASH_SOURCE[0]}")/on_host.sh" "$host" /bin/sh -c "$*"
