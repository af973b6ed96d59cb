# Short training runs for the tests of several hosts.
#
#   prepare_training PROGRAM [STEPS]   data and recipe.toml in /run/shared, which becomes the current folder
#   train_here RUN RANKS [FLAG...]     the ranks on this host alone, logs in RUN
#   train_across RUN [FLAG...]         2 ranks on every host, mpirun on the first
#   launch_across RUN HOSTS [FLAG...]  the same, kept alive by `tokenwerk launch` on the first
#   losses RUN, expect_equal_losses RUN OTHER: of all steps
#   count_steps RUN, count_events RUN NAME: in its metrics, in its events.jsonl
#   rank_of 71                         which rank of a run a process is
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

launch_across() {
  local run=$1 on=$2
  shift 2
  on_host h1 "$program" launch recipe.toml --hosts "$on" --ranks-per-host 2 --log.directory "$run" "$@" \
    >"$run.out" 2>&1
}

rank_of() {
  tr '\0' '\n' <"/proc/$1/environ" | sed -n 's/^OMPI_COMM_WORLD_RANK=//p'
}

# One line a step, the number as it is written.
losses() {
  grep -o '"loss":[^,}]*' "$1/metrics.jsonl"
}

expect_equal_losses() {
  diff <(losses "$1") <(losses "$2") || fail "the losses of $1 are not those of $2"
}

# expect_near_losses RUN OTHER STEPS: of another number of ranks, to the precision of f32 over 50 steps: roundings grow, and
# the text is that of the scripts.
expect_near_losses() {
  expect_steps "$1" "$3"
  paste <(losses "$1" | cut -d: -f2) <(losses "$2" | cut -d: -f2) |
    awk 'NR <= 50 { d = ($1 - $2) / $2; if (d > 1e-5 || d < -1e-5) exit 1 }' || fail "the losses of $1 are not near those of $2"
}

# expect_steps RUN STEPS
expect_steps() {
  local steps
  steps=$(count_steps "$1")
  ((steps == $2)) || fail "$1 has $steps steps, not $2"
}

count_steps() {
  losses "$1" | wc -l
}

has_steps() {
  [[ -f $1/metrics.jsonl ]] && (($(count_steps "$1") >= $2))
}

count_events() {
  grep -cs "\"event\":\"$2\"" "$1/events.jsonl" || true
}

# has_events RUN NAME COUNT: so many at least.
has_events() {
  (($(count_events "$1" "$2") >= $3))
}

has_event() {
  has_events "$1" "$2" 1
}

# No attempt began before the last checkpoint that the ones before it told of.
expect_nothing_saved_was_lost() {
  sed -n 's/.*"event":"\(saved\|resume\|start\)".*"step":\([0-9]*\).*/\1 \2/p' "$1/events.jsonl" |
    awk '$1 == "saved" { saved = $2 } $1 != "saved" && $2 < saved { exit 1 }' || fail "a checkpoint of $1 was lost"
}

wait_for_steps() {
  wait_until "$1 has made step $2" 60 has_steps "$1" "$2"
}

# Wherever in this world.
no_ranks_left() {
  ! pgrep -x tokenwerk
}
