#!/usr/bin/env bash
# All steps of gpu.sh on the emulated device, once as they are and once with a program that fails: script_test.sh GPU_SH
set -uo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
steps=(operations layers communicators_1_ranks communicators_2_ranks losses speed_products speed_attention speed_kernels
  speed_collectives training_gpt2-124m_1 training_llama3-8b_1 training_gpt2-124m_2 training_llama3-8b_2)

# fail TEXT: with the report, if there is one.
fail() {
  echo "$1" >&2
  cat "$scratch/report.md" "$scratch/log" 2>/dev/null >&2
  exit 1
}

"$1" --emulated --report "$scratch/report.md" >"$scratch/log" 2>&1 || fail "the steps failed"
for step in "${steps[@]}"; do
  grep -q "^| $step | passed |" "$scratch/report.md" || fail "$step did not pass"
done
for title in '### Matrix products' '### Causal attention' '### Own kernels' '### Communication of 2 ranks' '### Training' \
  '## Every test'; do
  grep -q "^$title" "$scratch/report.md" || fail "the report has no \"$title\""
done
(($(grep -cE '^\| (gpt2-124m|llama3-8b) \| [12] \| [0-9]+ \| [0-9.]+ \|' "$scratch/report.md") == 4)) ||
  fail "a model has no speed"

# A setting that NCCL communicators refuse: their steps fail and are named, and the others still run.
TOKENWERK_NCCL_SECONDS=none "$1" --emulated --report "$scratch/report.md" >"$scratch/log" 2>&1
code=$?
((code == 1)) || fail "exit code $code after a failure, wanted 1"
grep -q '^| communicators_2_ranks | FAILED' "$scratch/report.md" || fail "the failure is not in the report"
grep -q '^| speed_kernels | passed' "$scratch/report.md" || fail "the steps behind the failure did not run"
