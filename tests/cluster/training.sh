# Short training runs for the tests of several hosts.
#
#   prepare_training PROGRAM [STEPS]   data and recipe.toml in /run/shared, which becomes the current folder
#   train_here RUN RANKS [FLAG...]     the ranks on this host alone, logs in RUN
#   train_across RUN [FLAG...]         2 ranks on every host, mpirun on the first
#   losses RUN, expect_equal_losses RUN OTHER: of all steps
#   expect_near_losses RUN OTHER STEPS: to the precision of f32
# shellcheck shell=bash disable=SC2154 # cluster_folder is that of cluster.sh

prepare_training() {
  program=$1
  cd /run/shared || exit
  cat "$cluster_folder"/*.sh >text.txt
  "$program" prepare --input text.txt --output data/text --tokenizer bytes >prepare.out
  recipe "${2:-30}" >recipe.toml
  export TOKENWERK=$program # for launch/slurm
}

# recipe STEPS
recipe() {
  cat <<TOML
[model]
family = "gpt"
layers = 2
width = 32
heads = 2
[data]
train = "data/text"
sequence_length = 32
[training]
steps = $1
global_batch = 8
micro_batch = 1
learning_rate = 3e-3
warmup_steps = 4
[checkpoint]
every = 10
TOML
}

train_here() {
  local run=$1 ranks=$2
  shift 2
  mpirun -n "$ranks" "$program" train recipe.toml --log.directory "$run" "$@" >"$run.out" 2>&1
}

train_across() {
  local run=$1
  shift
  on_host h1 mpirun --host "$(slots 2)" "$program" train recipe.toml --log.directory "$run" "$@" >"$run.out" 2>&1
}

# One line a step, the number as it is written.
losses() {
  grep -o '"loss":[^,}]*' "$1/metrics.jsonl"
}

expect_equal_losses() {
  diff <(losses "$1") <(losses "$2") || fail "the losses of $1 are not those of $2"
}

# expect_near_losses RUN OTHER STEPS: of another number of ranks, to the precision of f32.
expect_near_losses() {
  expect_steps "$1" "$3"
  paste <(losses "$1" | cut -d: -f2) <(losses "$2" | cut -d: -f2) |
    awk '{ d = ($1 - $2) / $2; if (d > 1e-5 || d < -1e-5) exit 1 }' || fail "the losses of $1 are not near those of $2"
}

# expect_steps RUN STEPS
expect_steps() {
  local steps
  steps=$(losses "$1" | wc -l)
  ((steps == $2)) || fail "$1 has $steps steps, not $2"
}

has_steps() {
  [[ -f $1/metrics.jsonl ]] && (($(losses "$1" | wc -l) >= $2))
}

wait_for_steps() {
  wait_until "$1 has made step $2" 60 has_steps "$1" "$2"
}

# Wherever in this world.
no_ranks_left() {
  ! pgrep -x tokenwerk
}
