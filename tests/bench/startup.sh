#!/usr/bin/env bash
# Where the time from the start of the program to the end of its first step goes, by number of ranks on this machine.
#
#   tests/bench/startup.sh [--program FILE] [RANKS...]      default: 1 2 4 8 16 32 64
#
# A tiny GPT, data parallel, three starts a number of ranks: the middle one by its whole time. The ranks share the cores of
# this machine, so a phase that every rank spends computing grows with ranks / cores; what grows faster is the cost of
# finding each other. --program measures another build than release.
set -euo pipefail
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")

program='' counts=()
while (($# > 0)); do
  case $1 in
    --program)
      program=$(realpath "${2:?--program needs a file}")
      shift
      ;;
    [0-9]*) counts+=("$1") ;;
    *)
      sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
      exit 2
      ;;
  esac
  shift
done
((${#counts[@]} > 0)) || counts=(1 2 4 8 16 32 64)
cd "$here"
if [[ -z $program ]]; then
  cmake --preset release >/dev/null
  cmake --build --preset release --parallel "$(nproc)" >/dev/null
  program=$here/build/release/launch/tokenwerk
fi
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1 OMP_NUM_THREADS=1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
printf 'some text to train on, again and again\n%.0s' {1..2000} >text.txt
"$program" prepare --input text.txt --output data --tokenizer bytes >/dev/null
printf '[model]\nfamily = "gpt"\nlayers = 2\nwidth = 64\nheads = 2\n[data]\ntrain = "data"\nsequence_length = 32\n' >recipe.toml

# start RANKS: the figures of one start, in the order of the table, the whole first.
start() {
  local launcher=()
  (($1 == 1)) || launcher=(mpirun --oversubscribe --bind-to none -n "$1")
  rm -rf run
  "${launcher[@]}" "$program" train recipe.toml --training.steps 1 --training.global_batch 64 --checkpoint.every 0 \
    --log.directory run >log 2>&1 || { cat log >&2 && return 1; }
  sed -n 's/.*start-up: //p' log | grep -oE '[0-9]+\.[0-9]+' | paste -sd ' '
}

echo "machine  $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(env -u OMP_NUM_THREADS nproc) cores"
echo '| ranks | whole | loading | MPI | recipe | device | communicators | data | model | checkpoint | first step | other |'
echo '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |'
for ranks in "${counts[@]}"; do
  figures=$(for _ in 1 2 3; do start "$ranks"; done | sort -g | sed -n 2p)
  # shellcheck disable=SC2086
  printf '| %s ' "$ranks" $figures && echo '|'
done
