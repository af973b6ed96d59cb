# Part reproducible of parallel.sh: what sums of a fixed order cost, step time of pairs of runs on one rank.
# shellcheck shell=bash disable=SC2154  # parallel.sh and common.sh set the variables

# step_seconds PRECISION REPRODUCIBLE: the least over the steps of a run; what else the machine does only adds.
step_seconds() {
  rm -rf "$scratch/run"
  "$program" train "$scratch/recipe.toml" --log.directory "$scratch/run" --training.precision "$1" \
    --training.reproducible "$2" >"$scratch/console.txt" 2>&1 || {
    cat "$scratch/console.txt" >&2
    exit 1
  }
  rm -rf "$scratch/run/checkpoints"
  grep '"loss"' "$scratch/run/metrics.jsonl" | tail -n +2 | sed 's/.*"step_seconds":\([^,]*\),.*/\1/' | sort -g |
    head -1
}

echo "training.reproducible: least step time of runs in turns, one rank, one thread, micro-batches of 4 sequences of 512 tokens"
printf '%-10s %-6s %10s %10s %7s   %s\n' model type fast_ms fixed_ms ratio "ratio of each pair, the least first"
for model in "layers=4 width=256 heads=4" "layers=6 width=512 heads=8" "layers=12 width=768 heads=12"; do
  read -ra sizes <<<"$model"
  write_recipe "${sizes[@]}" vocabulary=4096 length=512 batch=4 micro=4 steps=5
  for precision in f32 bf16; do
    for _ in 1 2 3 4; do
      echo "$(step_seconds $precision false) $(step_seconds $precision true)"
    done | awk '{ printf "%s %s %.3f\n", $1, $2, $2 / $1 }' | sort -k3g | awk -v model="$model" -v type="$precision" '
      NR == 1 || $1 < fast { fast = $1 }
      NR == 1 || $2 < fixed { fixed = $2 }
      { ratios = ratios " " $3 }
      END {
        gsub(/[a-z]+=/, "", model); split(model, size, " ")
        printf "%-10s %-6s %10.1f %10.1f %7.3f  %s\n", size[1] "x" size[2], type, 1e3 * fast, 1e3 * fixed, fixed / fast, ratios
      }'
  done
done
