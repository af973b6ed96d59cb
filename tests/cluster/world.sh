# A world of its own for a test of several hosts: enter_world re-executes the script in fresh process, network, mount and
# UTS namespaces, of which it is process 1. Names, addresses and ports in there meet nobody else's, and when the script
# ends, however it ends, the kernel ends every process in there and takes down all networks and mounts.
#
#   /run/shared   what all hosts share, empty at first     /run/host   each host its own
# shellcheck shell=bash

# skip WHY: ctest counts the test as skipped.
skip() {
  echo "skipped: $*"
  exit 77
}

# enter_world ARGUMENTS...: those of the script. Skips without root, without packages, or where the kernel forbids it.
enter_world() {
  if [[ ${TOKENWERK_WORLD:-} == inside && $$ == 1 ]]; then
    unset TOKENWERK_WORLD
    furnish_world
    return
  fi
  ((EUID == 0)) || skip "virtual hosts need root"
  local tool
  for tool in unshare nsenter ip tc mpirun pgrep; do need_tool "$tool"; done
  local namespaces=(unshare --net --mount --uts --pid --fork --mount-proc --kill-child)
  "${namespaces[@]}" ip link add lan type bridge 2>/dev/null || skip "no network namespaces and bridges here"
  TOKENWERK_WORLD=inside exec "${namespaces[@]}" "$0" "$@"
}

need_tool() {
  command -v "$1" >/dev/null || skip "$1 is not installed (cmake/install-packages.sh --tests)"
}

furnish_world() {
  trap 'exit 130' INT TERM # process 1 hears only what it traps
  trap report_failure EXIT
  hostname login
  mount -t tmpfs run /run
  mkdir /run/cluster /run/host /run/shared
  mount -t tmpfs host /run/host
  # Open MPI names its segments after host and process ids, which other worlds have too.
  mount -t tmpfs shm /dev/shm
  ip link set lo up
}

# fail WHAT...: ends the test.
fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# What the hosts wrote before the test failed; it goes away with the world.
report_failure() {
  local code=$? file
  ((code != 0 && code != 77)) || return 0
  while IFS= read -r file; do
    printf '\n== %s\n' "$file"
    tail -n 40 "$file"
  done < <(find /run/shared -name '*.log' -o -name '*.out') >&2
}

# wait_until WHAT SECONDS COMMAND...: polls until the command succeeds; fails the test when it never does.
wait_until() {
  local what=$1 end=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null; do
    ((SECONDS < end)) || fail "gave up waiting until $what"
    sleep 0.1
  done
}
