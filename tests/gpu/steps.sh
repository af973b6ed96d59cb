# The steps on a machine with GPUs, and their report. Sourced by tests/gpu.sh and by a bundle's run.sh, which set:
#   program NAME   a function that prints where that program is
#   nvidia_files   a function that prints the files of NVIDIA's libraries, whose names tell the versions
#   gpus           how many ranks may run, one a GPU
#   commit         what was built
#   size           full, or quick for the emulated device: less of everything, and its speeds mean nothing
# shellcheck shell=bash disable=SC2154  # variables of whoever sources this

export GTEST_COLOR=no OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none # which containers forbid
work=$(mktemp -d)
mkdir "$work/logs" "$work/parts"
failed_steps=0
ranks_alike=(--oversubscribe --bind-to none)
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=tests/gpu/training.sh
source "$here/training.sh"

# row CELL...: a line of a Markdown table.
row() {
  printf '|'
  printf ' %s |' "$@"
  printf '\n'
}

# note_step NAME CODE SECONDS PASSED SKIPPED: a line of the table of results, and the failure if there is one.
note_step() {
  local name=$1 code=$2 seconds=$3 passed=$4 skipped=$5 verdict=passed
  if ((code != 0)); then
    verdict="FAILED, exit code $code"
    ((code != 124)) || verdict="FAILED, still ran after $seconds s"
    failed_steps=$((failed_steps + 1))
    {
      printf '\n### %s\n\n```\n' "$name"
      grep -E -A6 'Failure$|exception' "$work/logs/$name.txt" | head -n 40 # what GoogleTest said first
      tail -n 20 "$work/logs/$name.txt"
      printf '```\n'
    } >>"$work/parts/failures"
  fi
  row "$name" "$verdict" "$passed" "$skipped" "$seconds" >>"$work/parts/results"
  echo "$name: $verdict ($seconds s)"
}

# run_logged NAME COMMAND...: the command with its output in a log of that name; its exit code.
run_logged() {
  local log=$work/logs/$1.txt code=0
  shift
  timeout --kill-after=30 "${TOKENWERK_STEP_SECONDS:-1500}" "$@" >"$log" 2>&1 || code=$?
  return "$code"
}

# test_step NAME COMMAND...: a GoogleTest program, alone or under mpirun. That nothing ran is a failure too.
test_step() {
  local name=$1 log=$work/logs/$1.txt start=$SECONDS code=0 passed skipped
  run_logged "$@" || code=$?
  passed=$(grep -c '^\[       OK \]' "$log")
  skipped=$(grep -cE '^\[  SKIPPED \] .*\([0-9]+ ms\)$' "$log")
  ((code != 0 || passed > 0)) || code=66
  {
    printf '\n### %s\n\n```\n' "$name"
    grep -E '^\[( +OK|  FAILED |  SKIPPED) \] .*\([0-9]+ ms\)$' "$log"
    printf '```\n'
  } >>"$work/parts/tests"
  note_step "$name" "$code" $((SECONDS - start)) "$passed" "$skipped"
}

# bench_step NAME COMMAND...: a benchmark, whose tables go into the report.
bench_step() {
  local name=$1 start=$SECONDS code=0
  run_logged "$@" || code=$?
  {
    grep -E '^(\||###|FAILED|$)' "$work/logs/$name.txt" | cat -s
    echo
    grep -o 'attention of .* runs on .*' "$work/logs/$name.txt" | sort -u | sed 's/^/- /' # which engine it was
  } >>"$work/parts/speed"
  note_step "$name" "$code" $((SECONDS - start)) - -
}

# rank_counts: 1, 2, 4 and so on up to the GPUs, and all of them.
rank_counts() {
  local ranks
  for ((ranks = 1; ranks < gpus; ranks *= 2)); do echo "$ranks"; done
  echo "$gpus"
}

# layouts_filter: the tests of layouts that have a GPU for each rank.
layouts_filter() {
  local ranks filter='' suite='*'
  [[ $size == full ]] || suite=Default
  for ((ranks = 1; ranks <= gpus; ++ranks)); do filter+=":$suite/OnCuda.*/${ranks}_ranks_*"; done
  echo "${filter#:}"
}

machine_part() {
  echo "| | |"
  row --- ---
  row commit "$commit"
  row date "$(date -u '+%Y-%m-%d %H:%M UTC')"
  row processor "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores"
  row system "$(uname -sr), $(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release 2>/dev/null)"
  row GPUs "$gpus"
  printf '\n```\n'
  "$(program tokenwerk)" doctor --disk-megabytes 0 2>&1
  nvidia_files
  if command -v nvidia-smi >/dev/null; then
    nvidia-smi --query-gpu=index,name,driver_version,memory.total,compute_cap,power.limit,clocks.max.sm,ecc.mode.current \
      --format=csv 2>&1
    ((gpus == 1)) || nvidia-smi topo -m 2>&1
  fi
  printf '```\n'
}

# write_report FILE: from the parts that there are.
write_report() {
  {
    printf '# Tokenwerk on %s\n\n' "$([[ $size == full ]] && echo "a GPU" || echo "the emulated device: speeds mean nothing")"
    cat "$work/parts/machine"
    grep -hom 1 'NCCL version [^ ]*' "$work/logs/communicators_1_ranks.txt"
    printf '\n## Results\n\n'
    row step result passed skipped seconds
    row --- --- --- --- ---
    cat "$work/parts/results"
    [[ ! -f $work/parts/failures ]] || { printf '\n## Failures\n' && cat "$work/parts/failures"; }
    printf '\n## Speed\n' && cat "$work/parts/speed"
    printf '\n## Every test\n' && cat "$work/parts/tests"
  } >"$1" 2>/dev/null
}

run_tests() {
  local ranks sharding=()
  # A small piece of each program, where the size is quick.
  [[ $size == full ]] || sharding=(GTEST_TOTAL_SHARDS=20 GTEST_SHARD_INDEX=3)
  export TOKENWERK_TEST_DEVICE=cuda NCCL_DEBUG=VERSION
  test_step operations env "${sharding[@]}" "$(program ops_on_gpu_tests)"
  test_step layers env "${sharding[@]}" "$(program nn_on_gpu_tests)"
  for ranks in $(rank_counts); do
    test_step "communicators_${ranks}_ranks" mpirun "${ranks_alike[@]}" -n "$ranks" "$(program parallel_on_gpu_tests)"
  done
  unset TOKENWERK_TEST_DEVICE NCCL_DEBUG
  test_step losses env TOKENWERK_TEST_PROGRAM="$(program tokenwerk)" "$(program train_on_gpu_tests)" \
    --gtest_filter="$(layouts_filter)"
}

run_benchmarks() {
  local part quick=()
  [[ $size == full ]] || quick=(--quick)
  for part in products attention kernels; do
    bench_step "speed_$part" "$(program bench_on_gpu)" "${quick[@]}" "$part"
  done
  ((gpus == 1)) || bench_step speed_collectives mpirun "${ranks_alike[@]}" -n "$gpus" \
    "$(program bench_on_gpu)" "${quick[@]}" collectives
  training_speed
}

# run_steps REPORT: all of them, whatever fails; the report is written even where this is interrupted. Returns 1 where
# something failed.
run_steps() {
  report=$1
  trap 'write_report "$report"; rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM
  touch "$work/parts/"{results,speed,tests}
  machine_part >"$work/parts/machine"
  run_tests
  run_benchmarks
  write_report "$report"
  cat "$work/parts/speed"
  echo "report: $report"
  ((failed_steps == 0)) || {
    echo "$failed_steps steps failed" >&2
    return 1
  }
}
