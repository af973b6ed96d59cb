#!/usr/bin/env bash
# What a checkpoint costs a run: how long training waits for it, beside how long it takes to write, and that beside the
# disk (dd of as many bytes into new files, synced, before and after each run), as ratios within one run. Nothing is
# removed within a row: many disks write blocks that were just freed several times faster than new ones.
#
#   tests/bench/checkpoint_async.sh [RANKS...]      default: 1 2
#
# For checkpoint.async = true and false a row of medians over the checkpoints of a run, the first left out (its copy's
# memory is new). `waited_%` is training's waiting over the time to write, `disk_%` dd's time over the time to write;
# `step_%` is the time of a step in which the checkpoint is written over that of the others.
#
# TOKENWERK_BUILD names a build folder that has the program; otherwise the preset release is built. TMPDIR names the
# file system in question. A disk that is fast at times (credits, blocks never written before) gives figures only when
# it is held to a steady speed: `io.max`, or blkio.throttle.write_bps_device in control groups of version 1.
set -euo pipefail
command_line="$0 $*"
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

ranks=("$@")
((${#ranks[@]} > 0)) || ranks=(1 2)
for number in "${ranks[@]}"; do
  [[ $number =~ ^[1-9][0-9]*$ ]] || {
    sed -n '2,16s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
  }
done

# shellcheck source=tests/bench/parallel/common.sh
source tests/bench/parallel/common.sh
if [[ -z $build ]]; then
  build=build/release
  cmake --preset release >/dev/null
  cmake --build --preset release --parallel "$(nproc)" >/dev/null
fi
prepare_bench "$command_line"
every=6
write_recipe layers=6 width=768 heads=12 length=64 batch=4 micro=2 steps=$((5 * every))

# Bytes as a checkpoint has them, which no file system or disk makes less of, in memory.
bytes=$(mktemp -p /dev/shm)
trap 'rm -rf "$scratch" "$bytes"' EXIT
head -c 600M /dev/urandom >"$bytes"

# disk_seconds MIB: the times of three plain sequential writes, each to the end of its sync.
disk_seconds() {
  sync -f "$scratch"
  for _ in 1 2 3; do
    LC_ALL=C dd if="$bytes" of="$(mktemp -p "$plain")" bs=1M count="$1" conv=fsync 2>&1 |
      sed -n 's/.*copied, \([0-9.e-]*\) s.*/\1/p'
  done
}

# saves FILE: of every checkpoint but the first: seconds to write, seconds waited.
saves() {
  sed -n 's/.* checkpoint saved in .*(\([0-9.]*\) s to write, training waited \([0-9.]*\) s.*/\1 \2/p' "$1" | tail -n +2
}

# middle COLUMN: the median of a column.
middle() {
  awk -v column="$1" '{ print $column }' | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# step_ratio METRICS: the median of the steps right after a checkpoint over that of the four before the next.
step_ratio() {
  local of after before
  # shellcheck disable=SC2016  # awk's own
  of='{ split($0, a, "\"step\":"); step = a[2] + 0; split($0, b, "\"step_seconds\":"); seconds = b[2] + 0 }'
  after=$(awk "$of step > $every && step % $every == 1 { print seconds }" "$1" | middle 1)
  before=$(awk "$of step > $every && step % $every >= $every / 2 { print seconds }" "$1" | middle 1)
  awk -v after="$after" -v before="$before" 'BEGIN { printf "%.0f", 100 * after / before }'
}

mib=493 # a checkpoint of this recipe
printf '%-6s %-6s %9s %9s %9s %9s %9s %9s %8s\n' ranks async MiB disk_s write_s waited_s waited_% disk_% step_%
for number in "${ranks[@]}"; do
  for async in true false; do
    run=$scratch/run
    plain=$scratch/plain
    mkdir "$plain"
    {
      disk_seconds "$mib"
      mpirun --oversubscribe --bind-to none -n "$number" "$program" train "$scratch/recipe.toml" --log.directory "$run" \
        --checkpoint.every "$every" --checkpoint.keep 0 --checkpoint.async "$async" >"$scratch/console.txt" 2>&1 || {
        cat "$scratch/console.txt" >&2
        exit 1
      }
      disk_seconds "$mib"
    } >"$scratch/disk.txt"
    disk=$(middle 1 <"$scratch/disk.txt")
    saves "$run/log.txt" >"$scratch/saves.txt"
    write=$(middle 1 <"$scratch/saves.txt")
    waited=$(middle 2 <"$scratch/saves.txt")
    awk -v n="$number" -v async="$async" -v mib="$mib" -v disk="$disk" -v write="$write" -v waited="$waited" \
      -v step="$(step_ratio "$run/metrics.jsonl")" 'BEGIN {
        printf "%-6s %-6s %9d %9.3f %9.3f %9.3f %9.1f %9.0f %8s\n", n, async, mib, disk, write, waited,
          100 * waited / write, 100 * disk / write, step }'
    rm -rf "$run" "$plain"
  done
done
