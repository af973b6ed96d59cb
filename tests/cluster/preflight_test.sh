#!/usr/bin/env bash
# Pre-flight over hosts of which one has a slow cable, two a slow way between them, one a slow processor: exactly these are
# named. `launch --preflight` leaves out who is slow, silent or hangs, and takes spares.
set -euo pipefail
# shellcheck source=tests/cluster/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
enter_world "$@"
start_hosts 5
prepare_training "$1" 20
export TOKENWERK_ALLOW_INJECT=1
# The hosts share a few cores, and their figures differ by chance: what is broken here is hundreds of times slower.
tolerance=99

# examine NAME [FLAG...]: h1 to h4, whose list is NAME.list.
examine() {
  local name=$1
  shift
  on_host h1 mpirun --host h1:1,h2:1,h3:1,h4:1 -x TOKENWERK_ALLOW_INJECT "$program" doctor --allocation --disk-megabytes 4 \
    --folder /run/host --exclude-file "$name.list" "$@" >"$name.out" 2>&1 || fail "$name: $?"
}
named() { grep -v '^#' "$1" | cut -d' ' -f1 | paste -sd, || true; }
# expect_named NAME HOST...
expect_named() {
  [[ $(named "$1.list") == "${*:2}" ]] || fail "$1 names \"$(named "$1.list")\", not \"${*:2}\""
}
# slow_way h1 h2 RATE: what these send to each other takes a slow cable of their own.
slow_way() {
  local host peer
  ip link add way netns "$(<"/run/cluster/$1")" type veth peer name way netns "$(<"/run/cluster/$2")"
  for host in "$1" "$2"; do
    [[ $host == "$1" ]] && peer=$2 || peer=$1
    on_host "$host" ip link set way up
    on_host "$host" ip route add "$subnet.${peer#h}/32" dev way src "$subnet.${host#h}"
    on_host "$host" tc qdisc add dev way root tbf rate "$3" burst 32kb latency 500ms
  done
}

examine even --tolerance "$tolerance"
expect_named even
slow_link 20Mbit h3
examine cable --tolerance "$tolerance"
expect_named cable h3
grep -q 'link [0-9]* % of the median ([0-9.]* of [0-9]* MB/s, rank 2)' cable.list || fail "no figures of h3's link"
mend_link h3

# The other figures may be anything.
examine processor --inject slow:rank=1,seconds=8 --tolerance 90
grep 'matrix product' processor.list >slow.list || fail "no processor is named"
expect_named slow h2

slow_way h1 h2 20Mbit
examine way --tolerance "$tolerance"
expect_named way
grep -q '# h1, both left in: link to h2' way.list || fail "the way from h1 to h2 is not named: $(<way.out)"
on_host h1 ip link delete way

# launch_over RUN [FLAG...]: from h1.
launch_over() {
  local run=$1
  shift
  on_host h1 "$program" launch recipe.toml --hosts h1,h2,h3 --log.directory "$run" --checkpoint.directory "$run/checkpoints" \
    --training.global_batch 12 "$@" >"$run.out" 2>&1
}
has_event() { grep -q "\"event\":\"preflight\".*$2" "$1/events.jsonl"; }

slow_link 20Mbit h2
cut_link h4
launch_over flown --spares h4,h5 --preflight --preflight-tolerance "$tolerance" || fail "launch ended with $?"
[[ $(named flown/exclude.txt) == h4,h2 ]] || fail "not h4 and h2 are left out: $(<flown/exclude.txt)"
has_event flown '"host":"h4".*no answer' || fail "h4 is not told to be silent"
has_event flown '"host":"h2".*link ' || fail "h2 is not told to be slow"
has_event flown '3 of 3 ranks, 0 % of the capacity lost' || fail "the spare is not used"
expect_steps flown 20
mend_link h2 h4

# A list of an earlier pre-flight, with fewer ranks; and one that leaves nobody.
launch_over listed --exclude flown/exclude.txt || fail "launch ended with $?"
has_event listed '2 of 3 ranks' || fail "not two ranks are left"
grep -q -- '--exclude h4: no host or spare' listed.out || fail "the stranger h4 is not warned of"
expect_steps listed 20
code=0
launch_over nobody --exclude h1,h2,h3 || code=$?
((code == 2)) || fail "without any host launch ended with $code"

stop_on() {
  wait_until "it is measuring" 120 grep -qs "measuring 3 ranks on 3 hosts" stopped.out
  running_on "$1" tokenwerk | xargs kill -STOP
}
stop_on h3 &
launch_over stopped --preflight --preflight-seconds 60 --preflight-tolerance "$tolerance" || fail "launch ended with $?"
has_event stopped '"host":"h3".*gives no answer' || fail "h3 is not told to hang"
[[ $(named stopped/exclude.txt) == h3 ]] || fail "not h3 is left out: $(<stopped/exclude.txt)"
expect_steps stopped 20
