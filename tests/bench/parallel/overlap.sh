# Part overlap of parallel.sh: how much of a data-parallel run's communication hides behind its backward.
#
# hidden = 1 - exposed / alone. `exposed` comes from the timeline (log.trace): the time from where the slowest rank ends
# its backward to where all have the sums, and what moving messages between layers took; waiting for slower ranks is not
# communication, but stands beside it (waited: comm_exposed_fraction of the first rank). `alone` is what the same sums
# take when nothing else runs. Ranks are on hosts of their own, whose links are so slow that messages wait rather than
# cost the processor.
# shellcheck shell=bash disable=SC2154  # parallel.sh and common.sh set the variables

hosts=tests/bench/parallel/hosts.sh
overlap_rate=${TOKENWERK_RATE:-800mbit}

# on_hosts RANKS COMMAND...: mpirun over as many hosts, from the first one, by TCP.
on_hosts() {
  local ranks=$1 list
  shift
  list=$(seq -s , -f '10.213.0.%g:1' 1 "$ranks")
  TOKENWERK_HOSTS=$scratch/hosts "$hosts" enter "$scratch/hosts" 10.213.0.1 \
    "mpirun --host $list -n $ranks --bind-to none --mca plm_rsh_agent '$PWD/$hosts' --mca plm_rsh_no_tree_spawn 1 \
    --mca btl tcp,self --mca btl_tcp_if_include eth0 --mca oob_tcp_if_include eth0 \
    -x OMP_NUM_THREADS -x TOKENWERK_COMM_THREAD $*"
}

middle() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# median_of FIELD: over the steps of $scratch/run but the first.
median_of() {
  grep '"loss"' "$scratch/run/metrics.jsonl" | awk -v field="\"$1\":" 'NR > 1 {
    value = substr($0, index($0, field) + length(field)); sub(/[,}].*/, "", value); print value }' | middle
}

# Seconds exposed in each step of $scratch/run/trace.json, a line each. One event a line; one micro-batch a step.
exposed_seconds() {
  awk '
    function field(key,    value) {
      value = substr($0, index($0, "\"" key "\":") + length(key) + 3); sub(/[,}].*/, "", value); return value + 0 }
    function ending() { return field("ts") + field("dur") }
    function later(table, step, time) { if (time > table[step]) table[step] = time }
    /"ph":"X"/ { rank = field("pid") }
    /"name":"moving messages"/ { moving[rank] += field("dur") }
    /"name":"0B0"/ { later(backward, ++steps[rank], ending()) }
    /"name":"last gradient sums"/ {
      later(sums, steps[rank], ending()); later(driven, steps[rank], moving[rank]); moving[rank] = 0 }
    END { for (step in sums) print (sums[step] - backward[step] + driven[step]) / 1e6 }' "$scratch/run/trace.json"
}

# overlap RANKS THREAD: one row; the time alone is measured before and after the run, the mean counts.
overlap() {
  local ranks=$1 alone again
  export TOKENWERK_COMM_THREAD=$2
  alone=$(on_hosts "$ranks" "$benches/gradient_sum_bench" 12 384 2>"$scratch/console.txt")
  rm -rf "$scratch/run"
  on_hosts "$ranks" "$program train $scratch/recipe.toml --log.trace true --log.directory $scratch/run" \
    >"$scratch/console.txt" 2>&1 || {
    cat "$scratch/console.txt" >&2
    exit 1
  }
  again=$(on_hosts "$ranks" "$benches/gradient_sum_bench" 12 384 2>"$scratch/console.txt")
  awk -v ranks="$ranks" -v thread="$2" -v alone="$alone" -v again="$again" -v step="$(median_of step_seconds)" \
    -v share="$(median_of comm_exposed_fraction)" -v exposed="$(exposed_seconds | middle)" 'BEGIN {
      alone = (alone + again) / 2
      printf "%-6s %-7s %9.3f %9.3f %9.3f %9.3f %9.1f\n", ranks, thread, step, share * step, exposed, alone,
             100 * (1 - exposed / alone) }'
}

measure_overlap() {
  local ranks thread
  echo "share of communication hidden behind compute: GPT 12x384, f32, 4 sequences of 256 tokens a rank, links of $overlap_rate"
  if ((EUID != 0)) || ! "$hosts" up "$scratch/hosts" 4 "$overlap_rate" 2>"$scratch/why"; then
    echo "skipped: network namespaces with slow links want root$(sed 's/^/; /' "$scratch/why" 2>/dev/null | head -1)"
    [[ ! -f $scratch/hosts/bridge ]] || "$hosts" down "$scratch/hosts"
    return
  fi
  trap '"$hosts" down "$scratch/hosts"; rm -rf "$scratch"' EXIT
  printf '%-6s %-7s %9s %9s %9s %9s %9s\n' ranks thread step_s waited_s exposed_s alone_s hidden_%
  for ranks in 2 4; do
    write_recipe layers=12 width=384 heads=6 vocabulary=512 length=256 batch=$((4 * ranks)) micro=4 steps=6
    for thread in on off; do overlap $ranks $thread; done
  done
  "$hosts" down "$scratch/hosts"
  trap 'rm -rf "$scratch"' EXIT
}

measure_overlap
