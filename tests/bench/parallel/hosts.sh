#!/usr/bin/env bash
# Virtual hosts for parallel.sh: network namespaces with a name and a slow link each, joined by a bridge that is
# connected to nothing else.
#
#   hosts.sh up FOLDER COUNT RATE     makes hosts 10.213.0.1 to COUNT, each sending at RATE (400mbit); state in FOLDER
#   hosts.sh down FOLDER              removes them and ends what runs on them
#   hosts.sh enter FOLDER HOST CMD    runs a command on one
#   TOKENWERK_HOSTS=FOLDER hosts.sh [-OPTION...] HOST CMD     the same as mpirun wants it of a remote shell
set -euo pipefail

enter() {
  local holder
  holder=$(cat "$1/$2.pid")
  exec nsenter --target "$holder" --net --uts --mount -- /bin/sh -c "cd '$PWD'; $3"
}

up() {
  local folder=$1 count=$2 rate=$3 id=$$ host name
  mkdir -p "$folder"
  : >"$folder/names"
  echo "twb$id" >"$folder/bridge"
  ip link add "twb$id" type bridge
  ip link set "twb$id" up
  for ((host = 1; host <= count; ++host)); do
    name=tw$id-$host
    ip netns add "$name"
    echo "$name" >>"$folder/names"
    ip link add "twv$id-$host" type veth peer name eth0 netns "$name"
    ip link set "twv$id-$host" master "twb$id" up
    ip -n "$name" address add "10.213.0.$host/24" dev eth0
    ip -n "$name" link set eth0 up
    ip -n "$name" link set lo up
    tc -n "$name" qdisc add dev eth0 root tbf rate "$rate" burst 256kb limit 4mb
    # A sleeping process holds the host's name and its own /dev/shm.
    ip netns exec "$name" unshare --uts --mount sh -c \
      "hostname tw-host$host; mount -t tmpfs none /dev/shm; echo \$\$ >'$folder/10.213.0.$host.pid'; exec sleep infinity" \
      </dev/null >/dev/null 2>&1 &
    while [[ ! -s $folder/10.213.0.$host.pid ]]; do sleep 0.05; done
  done
}

down() {
  local name process
  while read -r name; do
    for process in $(ip netns pids "$name" 2>/dev/null); do kill -9 "$process" 2>/dev/null || true; done
    ip netns delete "$name" || true # takes its links along
  done <"$1/names"
  ip link delete "$(cat "$1/bridge")" || true
  rm -rf "$1"
}

case ${1:-} in
  up) up "$2" "$3" "$4" ;;
  down) down "$2" ;;
  enter) enter "$2" "$3" "${*:4}" ;;
  *)
    while [[ ${1:-} == -* ]]; do shift; done
    enter "${TOKENWERK_HOSTS:?}" "$1" "${*:2}"
    ;;
esac
