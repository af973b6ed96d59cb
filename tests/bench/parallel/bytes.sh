# Part bytes of parallel.sh: what a run says it sent, beside what the papers say it must (bytes.awk).
# shellcheck shell=bash disable=SC2154  # parallel.sh and common.sh set the variables

sizes=(layers=8 width=256 heads=8 vocabulary=512 length=128 batch=16 micro=1)
write_recipe "${sizes[@]}"
echo "bytes sent a step by the rank that sends most: GPT ${sizes[*]}, f32, 1f1b; figures of less than a KiB left out"
printf '%-6s %-44s %-26s %12s %12s %7s\n' ranks layout operation measured formula ratio

# compare RANKS LAYOUT
compare() {
  local settings=() size
  for size in "${sizes[@]}"; do settings+=(-v "${size/length=/length_=}"); done
  train "$1" "$2"
  sed -n 's/.*most of any rank: //p' "$scratch/run/log.txt" | tr ',' '\n' |
    awk '{ print $1, $2, $3 }' >"$scratch/measured"
  awk -v ranks="$1" -v layout="$2" "${settings[@]}" -f tests/bench/parallel/formulas.awk \
    -f tests/bench/parallel/bytes.awk >"$scratch/formula"
  awk -v ranks="$1" -v layout="$2" '
    NR == FNR { formula[$1 " " $2] = $3; next }
    { measured[$1 " " $2] = $3; formula[$1 " " $2] += 0 }
    END {
      for (key in formula)
        if (measured[key] + formula[key] >= 1024)
          printf "%-6s %-44s %-26s %12d %12d %7s\n", ranks, layout, key, measured[key], formula[key],
                 formula[key] ? sprintf("%.3f", measured[key] / formula[key]) : "-"
    }' "$scratch/formula" "$scratch/measured" | sort
}

for ranks in 2 4 8; do
  compare $ranks "data=$ranks"
  for zero in 1 2 3; do compare $ranks "zero=$zero"; done
  compare $ranks "tensor=$ranks"
  compare $ranks "tensor=$ranks sequence=true"
  compare $ranks "pipeline=$ranks"
done
compare 4 "zero=1 zero_group=2"
compare 4 "tensor=2 pipeline=2 sequence=true"
compare 8 "tensor=2 pipeline=2 zero=1"
