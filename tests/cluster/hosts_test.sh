#!/usr/bin/env bash
# The virtual hosts themselves: apart but for their links, which fail as told, as hosts do.
set -euo pipefail
# shellcheck source=tests/cluster/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
enter_world "$@"

# reaches h2: whether this host gets an answer from there, if only that nobody listens.
reaches() {
  local said
  said=$(timeout 2 bash -c "exec 3<>/dev/tcp/$1/9" 2>&1) || [[ $said == *refused* ]]
}

# slowed h3 1Mbit: whether its link is.
slowed() {
  on_host "$1" tc qdisc show dev eth0 | grep -q "tbf.*rate $2"
}

start_hosts 3
[[ $(on_host h2 hostname) == h2 ]] || fail "h2 has another name"
touch /run/host/here
on_host h2 test ! -e /run/host/here || fail "h2 sees the files of this host"
reaches h1 || fail "hosts do not meet"

cut_link h1
! reaches h1 || fail "h1 answers over a cut link"
mend_link h1
wait_until "h1 answers again" 10 reaches h1

slow_link 1Mbit h3
slowed h3 1Mbit || fail "the link of h3 is not slow"
reaches h3 || fail "h3 does not answer over a slow link"
mend_link h3
! slowed h3 1Mbit || fail "the link of h3 is still slow"

for host in h1 h2; do
  on_host "$host" tail -f /dev/null &
  wait_until "$host works" 10 running_on "$host" tail
done
kill_host h2
[[ $(pgrep -c -x tail) == 1 ]] || fail "a process outlived its host"
running_on h1 tail >/dev/null || fail "a process of another host was killed"
! reaches h2 || fail "h2 answers without power"
start_host h2
wait_until "h2 answers again" 10 reaches h2
