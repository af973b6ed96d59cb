# Part memory of parallel.sh: memory_peak_bytes of the rank that needs most, beside what the papers say (memory.awk).
# shellcheck shell=bash disable=SC2154  # parallel.sh and common.sh set the variables

# begin_memory SETTING...: the model of the rows that follow.
begin_memory() {
  sizes=("$@")
  write_recipe "${sizes[@]}"
  echo "peak memory of the rank that needs most, MiB: GPT ${sizes[*]}, f32"
  printf '%-6s %-50s %9s %9s %9s %11s %7s\n' ranks layout measured formula state activations ratio
}

# weigh RANKS LAYOUT
weigh() {
  local settings=() size
  for size in "${sizes[@]}"; do settings+=(-v "${size/length=/length_=}"); done
  train "$1" "$2"
  awk -v ranks="$1" -v layout="$2" "${settings[@]}" -f tests/bench/parallel/formulas.awk \
    -f tests/bench/parallel/memory.awk >"$scratch/formula"
  awk -v ranks="$1" -v layout="$2" -v measured="$(last memory_peak_bytes)" '{
    MiB = 1048576; formula = $1 + $2
    printf "%-6s %-50s %9.1f %9.1f %9.1f %11.1f %7.3f\n", ranks, layout, measured / MiB, formula / MiB, $1 / MiB,
           $2 / MiB, measured / formula
  }' "$scratch/formula"
}

begin_memory layers=6 width=512 heads=8 vocabulary=512 length=32 batch=8 micro=1
weigh 1 "data=1"
for zero in 0 1 2 3; do weigh 4 "zero=$zero"; done
weigh 8 "zero=3"
weigh 4 "tensor=4"
weigh 2 "pipeline=2"
echo
begin_memory layers=8 width=128 heads=4 vocabulary=512 length=256 batch=32 micro=4
for recompute in none selective full; do weigh 1 "recompute=$recompute"; done
weigh 4 "tensor=4"
weigh 4 "tensor=4 sequence=true"
weigh 4 "tensor=4 sequence=true recompute=selective"
for schedule in gpipe 1f1b interleaved zb-h1 zb-v; do weigh 4 "pipeline=4 schedule=$schedule"; done
weigh 4 "pipeline=4 schedule=1f1b recompute=full"
echo
begin_memory layers=6 width=256 heads=8 vocabulary=512 length=32 batch=32 micro=1
for zero in 0 2; do
  weigh 4 "zero=$zero"
  weigh 4 "zero=$zero training.reproducible=true"
done
