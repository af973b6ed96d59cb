#!/usr/bin/env bash
# Speed and memory of a training step: three GPTs (layers x width) in f32 and bf16, on one rank with all cores.
#
#   tests/bench/train_step.sh [--steps N] [MODEL...]      a MODEL is LAYERSxWIDTH; default: 4x256 6x512 12x768
#
# Each row is the median over the steps of a run, the first quarter left out. MFU is what the trainer reports: model
# FLOPs by its formula, over the matrix peak that it measured on this machine. The figures stand with the machine, the
# commit and the command that they belong to.
set -euo pipefail
command_line="$0 $*"
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

steps=16
models=()
while (($# > 0)); do
  case $1 in
    --steps)
      steps=${2:?--steps needs a number}
      shift
      ;;
    [0-9]*x[0-9]*) models+=("$1") ;;
    *)
      sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
      exit 2
      ;;
  esac
  shift
done
((${#models[@]} > 0)) || models=(4x256 6x512 12x768)

cmake --preset release >/dev/null
cmake --build --preset release --parallel "$(nproc)" >/dev/null
program=build/release/launch/tokenwerk
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

bible -f 'gen1:1-rev22:21' </dev/null >"$scratch/text.txt"
"$program" prepare --input "$scratch/text.txt" --output "$scratch/data" --documents line \
  --tokenizer sentencepiece --vocabulary 4096 >/dev/null

# values FIELD FILE: that field of every step but the first quarter, a line each.
values() {
  { grep '"loss"' "$2" || true; } | awk -v field="\"$1\":" -v skip="$((steps / 4))" '
    NR > skip && (at = index($0, field)) {
      value = substr($0, at + length(field)); sub(/[,}].*/, "", value); gsub(/ /, "", value)
      if (value != "null") print value
    }'
}

# middle FIELD FILE: the median, or "-" where there is none.
middle() {
  values "$1" "$2" | sort -g | awk '{ v[NR] = $1 } END { print NR ? v[int((NR + 1) / 2)] : "-" }'
}

echo "machine  $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores"
echo "commit   $(git rev-parse --short HEAD 2>/dev/null || echo unknown)$(git diff --quiet HEAD 2>/dev/null || echo ', changed')"
echo "command  $command_line"
echo "batch    8 sequences of 512 tokens, 8 at once; vocabulary 4096; $steps steps"
printf '%-8s %-6s %12s %12s %8s %10s\n' model type tokens/s step_ms mfu_% peak_MiB
for model in "${models[@]}"; do
  layers=${model%x*}
  width=${model#*x}
  for precision in f32 bf16; do
    run=$scratch/run-$model-$precision
    cat >"$scratch/recipe.toml" <<END
[model]
family = "gpt"
layers = $layers
width = $width
heads = $((width / 64))
[data]
train = "$scratch/data"
sequence_length = 512
[training]
steps = $steps
global_batch = 8
micro_batch = 8
precision = "$precision"
[checkpoint]
every = 0
[log]
directory = "$run"
END
    "$program" train "$scratch/recipe.toml" >"$scratch/console.txt" 2>&1 || {
      cat "$scratch/console.txt" >&2
      exit 1
    }
    metrics=$run/metrics.jsonl
    printf '%s %s %s %s %s %s\n' "$model" "$precision" "$(middle tokens_per_second "$metrics")" \
      "$(middle step_seconds "$metrics")" "$(middle mfu "$metrics")" "$(middle memory_peak_bytes "$metrics")" |
      awk '{ printf "%-8s %-6s %12.0f %12.1f %8.1f %10.1f\n", $1, $2, $3, 1e3 * $4, 100 * $5, $6 / 1048576 }'
    rm -rf "$run"
  done
done
