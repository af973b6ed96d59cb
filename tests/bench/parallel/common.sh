# Shared by the parts of parallel.sh, which sources it: the program, a recipe, runs of it and what they say.
# shellcheck shell=bash

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none OMP_NUM_THREADS=1
build=${TOKENWERK_BUILD:-}

# prepare_bench COMMAND: builds, prepares text, says what the figures belong to. Sets program, benches and scratch.
prepare_bench() {
  if [[ -z $build ]]; then
    build=build/bench
    cmake --preset bench >/dev/null
    cmake --build --preset bench --parallel "$(nproc)" >/dev/null
  fi
  build=$(realpath "$build")
  program=$build/launch/tokenwerk
  # shellcheck disable=SC2034  # read by the parts
  benches=$build/tests/bench
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  bible -f 'gen1:1-rev22:21' </dev/null >"$scratch/text.txt"
  "$program" prepare --input "$scratch/text.txt" --output "$scratch/data" --documents line --tokenizer bytes >/dev/null
  echo "machine  $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc --all) cores"
  echo "commit   $(git rev-parse --short HEAD 2>/dev/null || echo unknown)$(git diff --quiet HEAD 2>/dev/null || echo ', changed')"
  echo "command  $1"
}

# write_recipe KEY=VALUE...: a GPT in f32; `layers`, `width`, `heads`, `vocabulary`, `length`, `batch`, `micro` and `steps`.
write_recipe() {
  local layers=8 width=256 heads=8 vocabulary=512 length=128 batch=16 micro=1 steps=2 setting
  for setting in "$@"; do local "${setting?}"; done
  cat >"$scratch/recipe.toml" <<END
[model]
family = "gpt"
layers = $layers
width = $width
heads = $heads
vocabulary = $vocabulary
[data]
train = "$scratch/data"
sequence_length = $length
[training]
steps = $steps
global_batch = $batch
micro_batch = $micro
[checkpoint]
every = 0
END
}

# flags_of LAYOUT: "zero=1 training.reproducible=true" as flags of the program; keys without a section are of parallel.
flags_of() {
  local setting
  for setting in $1; do
    [[ ${setting%=*} == *.* ]] || setting=parallel.$setting
    printf -- '--%s %s ' "${setting%=*}" "${setting#*=}"
  done
  echo
}

# train RANKS LAYOUT: trains into $scratch/run; the checkpoint that ends every run is removed.
train() {
  local flags
  read -ra flags < <(flags_of "$2")
  rm -rf "$scratch/run"
  mpirun --oversubscribe --bind-to none -n "$1" "$program" train "$scratch/recipe.toml" \
    --log.directory "$scratch/run" "${flags[@]}" >"$scratch/console.txt" 2>&1 || {
    cat "$scratch/console.txt" >&2
    exit 1
  }
  rm -rf "$scratch/run/checkpoints"
}

# last FIELD: that figure of the last step of $scratch/run.
last() {
  grep '"loss"' "$scratch/run/metrics.jsonl" | tail -1 | awk -v field="\"$1\":" '
    { value = substr($0, index($0, field) + length(field)); sub(/[,}].*/, "", value); print value }'
}
