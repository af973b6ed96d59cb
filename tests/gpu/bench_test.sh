#!/usr/bin/env bash
# Every line of the GPU's benchmarks is there, and whole, on the emulated device: bench_test.sh BENCH_ON_CUDA MPIRUN
set -uo pipefail
bench=$1 mpirun=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
faults=0

# fault TEXT
fault() {
  echo "$1" >&2
  faults=$((faults + 1))
}

# expect_table FILE TITLE ROWS: a table below that title, of so many rows, each with a cell for every column.
expect_table() {
  local found
  found=$(awk -v title="### $2" -F ' [|] ' '
    index($0, "### ") == 1 { inside = index($0, title) == 1; columns = 0 }
    inside && /^[|]/ && !/^[|] ---/ {
      if (!columns) columns = NF
      else { ++rows; if (NF != columns || /nan|inf/) ++bad }
    }
    END { print rows + 0, bad + 0 }' "$1")
  [[ $found == "$3 0" ]] || fault "$2: ${found% *} rows, wanted $3; ${found#* } of them are damaged"
}

"$bench" --quick >"$scratch/alone" 2>&1 || fault "bench_on_cuda --quick: exit code $?: $(tail -n 5 "$scratch/alone")"
expect_table "$scratch/alone" "Matrix products" 49
expect_table "$scratch/alone" "Causal attention" 12
expect_table "$scratch/alone" "Own kernels" 28
expect_table "$scratch/alone" "Communication" 1

"$mpirun" --oversubscribe --bind-to none -n 2 "$bench" --quick collectives >"$scratch/ranks" 2>"$scratch/log" ||
  fault "collectives on 2 ranks: exit code $?: $(tail -n 5 "$scratch/log")"
expect_table "$scratch/ranks" "Communication of 2 ranks" 3

"$bench" --quick nonsense >"$scratch/nonsense" 2>&1 && fault "a part that does not exist was taken"
grep -q '"nonsense" is no part; there are products' "$scratch/nonsense" || fault "an unknown part is not named"
exit $((faults > 0))
