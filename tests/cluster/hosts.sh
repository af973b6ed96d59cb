# Virtual hosts h1, h2, ... on one machine: each has its own network, name, shared memory and temporary folder, joined by
# a bridge on which this world is the host "login". Processes of a host are those in its network namespace.
#
#   start_hosts 4              hosts h1 to h4, "${hosts[@]}", and Open MPI that knows how to reach them
#   on_host h2 COMMAND...      runs there, in the folder of the caller; on_host.sh in the background, for its process id
#   slots 2                    h1:2,h2:2,h3:2,h4:2, for mpirun --host
#   cut_link h2...             their cables; slow_link 1Mbit h2... in both directions; mend_link h2... undoes both
#   kill_host h2               as if its power failed; start_host h2 boots it again
#   running_on h2 NAME         the process ids of programs of that name there, if any
# shellcheck shell=bash disable=SC2154 # cluster_folder is that of cluster.sh

subnet=10.77.0

start_hosts() {
  local host
  mapfile -t hosts < <(seq --format "h%g" "$1")
  ip link add lan type bridge
  ip address add "$subnet.254/24" dev lan
  ip link set lan up
  printf '127.0.0.1 localhost\n%s.254 login\n' "$subnet" >/run/cluster/hosts
  for host in "${hosts[@]}"; do echo "$subnet.${host#h} $host" >>/run/cluster/hosts; done
  mount --bind /run/cluster/hosts /etc/hosts
  for host in "${hosts[@]}"; do start_host "$host"; done
  open_mpi_environment
}

# start_host h2: what keeps its namespaces is a process that sleeps.
start_host() {
  local host=$1
  rm -f "/run/cluster/$host"
  # shellcheck disable=SC2016  # expands there
  unshare --net --mount --uts bash -c '
    hostname "$1" && mount -t tmpfs shm /dev/shm && mount -t tmpfs host /run/host && ip link set lo up &&
      echo $$ >"/run/cluster/$1.new" && mv "/run/cluster/$1.new" "/run/cluster/$1" && exec sleep infinity' \
    host "$host" </dev/null &>/dev/null &
  disown
  wait_until "$host is up" 20 test -f "/run/cluster/$host"
  local keeper
  keeper=$(<"/run/cluster/$host")
  ip link add "$host" type veth peer name eth0 netns "$keeper"
  ip link set "$host" master lan up
  on_host "$host" ip address add "$subnet.${host#h}/24" dev eth0
  on_host "$host" ip link set eth0 up
}

# Open MPI over TCP between hosts, more ranks than cores, as root.
open_mpi_environment() {
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  export OMPI_MCA_plm_rsh_agent=$cluster_folder/rsh_agent.sh
  export OMPI_MCA_btl_tcp_if_include=$subnet.0/24 OMPI_MCA_oob_tcp_if_include=$subnet.0/24
  export OMPI_MCA_btl_vader_single_copy_mechanism=none # which containers forbid
  export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none
  export OMPI_MCA_rmaps_base_oversubscribe=1 OMP_NUM_THREADS=1 TMPDIR=/run/host
}

on_host() {
  "$cluster_folder/on_host.sh" "$@"
}

slots() {
  local slots
  slots=$(printf ",%s:$1" "${hosts[@]}")
  echo "${slots#,}"
}

cut_link() {
  local host
  for host; do ip link set "$host" down; done
}

slow_link() {
  local shape=(root tbf rate "$1" burst 32kb latency 500ms) host
  for host in "${@:2}"; do
    tc qdisc replace dev "$host" "${shape[@]}"
    on_host "$host" tc qdisc replace dev eth0 "${shape[@]}"
  done
}

mend_link() {
  local host
  for host; do
    ip link set "$host" up
    tc qdisc del dev "$host" root 2>/dev/null || true # there is one only where it was slowed
    on_host "$host" tc qdisc del dev eth0 root 2>/dev/null || true
  done
}

kill_host() {
  local keeper
  keeper=$(<"/run/cluster/$1")
  cut_link "$1"
  # Those that are forked meanwhile too: until none is left.
  while pkill -KILL --ns "$keeper" --nslist net; do sleep 0.05; done
  ip link delete "$1" 2>/dev/null || true
}

running_on() {
  pgrep --ns "$(<"/run/cluster/$1")" --nslist net -x "$2"
}
