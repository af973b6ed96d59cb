#!/usr/bin/env bash
# on_host.sh HOST COMMAND...: becomes the command, on a virtual host (hosts.sh), in the folder of the caller.
set -euo pipefail
keeper=$(<"/run/cluster/$1")
shift
exec nsenter --target "$keeper" --net --mount --uts --wdns="$PWD" -- "$@"
