# Speed of training whole models on generated text: tokens a second, MFU, memory, energy. Sourced by steps.sh.
# shellcheck shell=bash disable=SC2154  # variables of whoever sources this

training_steps=20

# median FIELD FILE: of that field in the last ten steps of a metrics file; "-" where there is none.
median() {
  { grep '"loss"' "$2" || true; } | tail -n 10 | awk -v field="\"$1\":" '
    (at = index($0, field)) {
      value = substr($0, at + length(field)); sub(/[,}].*/, "", value); gsub(/ /, "", value)
      if (value != "null") print value
    }' | sort -g | awk '{ v[NR] = $1 } END { print NR ? v[int((NR + 1) / 2)] : "-" }'
}

# session_processes ID: the processes of a session, mpirun's ranks too.
session_processes() {
  local stat
  for stat in /proc/[0-9]*/stat; do
    { sed 's/.*) //' "$stat" 2>/dev/null || true; } | awk -v id="$1" '$1 != "Z" && $4 == id { found = 1 } END { exit !found }' ||
      continue
    stat=${stat#/proc/}
    echo "${stat%/stat}"
  done
}

# end_session ID: ends them at once, and waits until they have given their GPUs back.
end_session() {
  local ids tries
  for ((tries = 0; tries < 60; ++tries)); do
    mapfile -t ids < <(session_processes "$1")
    ((${#ids[@]} > 0)) || return 0
    kill -KILL "${ids[@]}" 2>/dev/null || true
    sleep 0.5
  done
}

# train_a_while RUN COMMAND...: trains until the metrics have enough steps, then ends the run without a checkpoint, which
# may be larger than the disk. Its exit code where it ends before.
train_a_while() {
  local run=$1 metrics=$1/metrics.jsonl id code=0 deadline=$((SECONDS + ${TOKENWERK_STEP_SECONDS:-1500}))
  shift
  setsid "$@" >"$run.txt" 2>&1 &
  id=$!
  until [[ $(grep -c '"loss"' "$metrics" 2>/dev/null) -ge $training_steps ]]; do
    if ! kill -0 "$id" 2>/dev/null; then
      wait "$id" || code=$?
      ((code != 0)) || code=1
      return "$code"
    fi
    ((SECONDS < deadline)) || {
      end_session "$id"
      return 124
    }
    sleep 0.5
  done
  end_session "$id"
  wait "$id" 2>/dev/null || true
}

# measure NAME RANKS MICRO_BATCH FLAG...: a line for a model that trains on so many GPUs, data parallel.
measure() {
  local name=$1 ranks=$2 micro=$3 run=$work/run-$1-$2 start=$SECONDS code=0 launcher=()
  shift 3
  ((ranks == 1)) || launcher=(mpirun "${ranks_alike[@]}" -n "$ranks")
  train_a_while "$run" "${launcher[@]}" "$(program tokenwerk)" train "$work/recipe.toml" --log.directory "$run" \
    --device.kind cuda --training.precision bf16 --training.steps 100000 --checkpoint.every 0 --log.every 1 \
    --training.micro_batch "$micro" --training.global_batch $((2 * micro * ranks)) "$@" 2>/dev/null || code=$?
  if ((code == 0)); then
    training_row "$name" "$ranks" "$run/metrics.jsonl" >>"$work/parts/speed"
  else
    row "$name" "$ranks" "failed" - - - - >>"$work/parts/speed"
  fi
  cp "$run.txt" "$work/logs/training_${name}_$ranks.txt"
  note_step "training_${name}_$ranks" "$code" $((SECONDS - start)) - -
  rm -rf "$run"
}

# training_row NAME RANKS METRICS
training_row() {
  echo "$(median tokens_per_second "$3") $(median step_seconds "$3") $(median mfu "$3")" \
    "$(median memory_peak_bytes "$3") $(median joules_per_token "$3")" |
    awk -v name="$1" -v ranks="$2" '{
      mfu = $3 == "-" ? "-" : sprintf("%.1f %%", 100 * $3)
      peak = $4 == "-" ? "-" : sprintf("%.0f", $4 / 1048576)
      joules = $5 == "-" ? "not counted" : sprintf("%.3g", $5)
      printf "| %s | %s | %.0f | %.1f | %s | %s | %s |\n", name, ranks, $1, 1e3 * $2, mfu, peak, joules
    }'
}

# peer NAME LAYERS WIDTH HEADS MICRO_BATCH: the same model in PyTorch, in the same table, where this machine has it.
peer() {
  local name=$1 log=$work/logs/peer_$1.txt start=$SECONDS code=0 figures
  python3 -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null || return 0
  run_logged "peer_$name" python3 "$here/torch_peer.py" "$2" "$3" "$4" 50304 1024 "$5" || code=$?
  if ((code == 0)); then
    read -ra figures <<<"$(tail -n 1 "$log")"
    row "$name, PyTorch ${figures[3]}" 1 "${figures[0]}" "${figures[1]}" - "${figures[2]}" - >>"$work/parts/speed"
  fi
  note_step "peer_$name" "$code" $((SECONDS - start)) - -
}

# prepare_training: text of no meaning, and a recipe of which everything else is a flag.
prepare_training() {
  awk 'BEGIN { srand(1); for (line = 0; line < 80000; ++line) {
    text = ""; for (word = 0; word < 12; ++word) text = text sprintf("%c%c%d ", 97 + rand() * 26, 97 + rand() * 26, rand() * 1000)
    print text } }' >"$work/text.txt"
  "$(program tokenwerk)" prepare --input "$work/text.txt" --output "$work/data" --tokenizer bytes >"$work/logs/prepare.txt" 2>&1
  printf '[data]\ntrain = "%s"\n' "$work/data" >"$work/recipe.toml"
}

# training_speed: the models, on one GPU and on all.
training_speed() {
  local ranks tiny=()
  prepare_training || {
    note_step prepare $? 0 - -
    return
  }
  {
    printf '\n### Training, bf16: medians of 10 steps after the first 10\n\n'
    row model GPUs tokens/s step_ms MFU "peak MiB a GPU" J/token
    row --- --- --- --- --- --- ---
  } >>"$work/parts/speed"
  for ranks in $(printf '1\n%s\n' "$gpus" | sort -nu); do
    if [[ $size == quick ]]; then
      tiny=(--model.layers 1 --model.width 64 --model.heads 2 --model.ffn_width 96 --model.vocabulary 300)
      measure gpt2-124m "$ranks" 1 --model.preset gpt2-124m --data.sequence_length 16 "${tiny[@]}"
      measure llama3-8b "$ranks" 1 --model.preset llama3-8b --data.sequence_length 16 "${tiny[@]}" --model.kv_heads 1 \
        --parallel.zero 1
      continue
    fi
    measure gpt2-124m "$ranks" 16 --model.preset gpt2-124m --model.vocabulary 50304 --data.sequence_length 1024
    ((ranks > 1)) || peer gpt2-124m 12 768 12 16
    measure gpt2-1.5b "$ranks" 4 --model.preset gpt2-1.5b --model.vocabulary 50304 --data.sequence_length 1024 \
      --parallel.zero 1
    ((ranks > 1)) || peer gpt2-1.5b 48 1600 25 4
    measure llama3-8b_4_layers "$ranks" 1 --model.preset llama3-8b --model.layers 4 --model.vocabulary 128256 \
      --data.sequence_length 4096 --parallel.zero 1
  done
}
