#!/usr/bin/env bash
# From nothing to a trained model on a Debian 12 machine, in minutes: installs the packages, builds, prepares the King
# James Bible, trains examples/quickstart.toml on two MPI ranks, stops half-way, resumes, and writes a verse.
#
#   examples/quickstart.sh [--no-install] [--fresh]
#
#   --no-install  leave the packages alone
#   --fresh       forget the run of last time and train again; otherwise a finished run is only shown
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

recipe=examples/quickstart.toml
program=build/release/launch/tokenwerk
ranks=2
# Whole books that the model never sees in training.
validation_books='Ruth Est Joel Jonah Hab Gal Jas 1Pet'

say() { printf '\n== %s\n' "$*"; }

# recipe_value KEY: what the recipe says, without quotes and comments.
recipe_value() { sed -nE "s/^$1 *= *\"?([^\"#]*[^\"# ])\"? *(#.*)?\$/\1/p" "$recipe" | head -1; }

install=yes
fresh=no
for argument in "$@"; do
  case $argument in
    --no-install) install=no ;;
    --fresh) fresh=yes ;;
    *)
      sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
      exit 2
      ;;
  esac
done

if [[ $install == yes ]]; then
  say "packages"
  cmake/install-packages.sh
fi

# The CUDA back end takes minutes to build: only where there is a GPU for it.
gpus=0
if command -v nvidia-smi >/dev/null; then
  gpus=$(nvidia-smi --list-gpus 2>/dev/null | grep -c '^GPU' || true)
fi
if ((gpus > 0)); then cuda=AUTO; else cuda=OFF; fi

say "build"
cmake --preset release -DTOKENWERK_CUDA="$cuda"
cmake --build --preset release --parallel "$(nproc)"

data=$(recipe_value train)
if [[ ! -f $data.prepared.json ]]; then
  say "text: one file a book, $validation_books held out"
  books=$data.text
  rm -rf "$books"
  mkdir -p "$books/train" "$books/validation"
  # A line reads "Gen1:1 In the beginning ..."; verses keep their line, chapters are set apart by an empty one.
  bible -f 'gen1:1-rev22:21' </dev/null | awk -v folder="$books" -v held_out="$validation_books" '
    BEGIN { n = split(held_out, names, " "); for (i = 1; i <= n; ++i) validation[names[i]] = 1 }
    {
      book = $1; sub(/[0-9]+:[0-9]+$/, "", book)
      chapter = $1; sub(/:[0-9]+$/, "", chapter)
      if (book != last_book) {
        if (file) close(file)
        file = sprintf("%s/%s/%02d-%s.txt", folder, (book in validation) ? "validation" : "train", ++books, book)
      } else if (chapter != last_chapter) print "" > file
      last_book = book; last_chapter = chapter
      sub(/^[^ ]+ /, "")
      print > file
    }'
  say "tokens: a SentencePiece vocabulary of 4096"
  "$program" prepare --input "$books/train" --validation "$books/validation" --output "$data" \
    --tokenizer sentencepiece --vocabulary 4096
fi

run=$(recipe_value directory)
steps=$(recipe_value steps)
last=$run/checkpoints/step-$(printf '%08d' "$steps")
if [[ $fresh == yes ]]; then
  rm -rf "$run"
fi

if grep -qw avx512_bf16 /proc/cpuinfo; then precision=bf16; else precision=f32; fi
if ((EUID == 0)); then # Open MPI asks twice before it runs as root
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
device=cpu
if ((gpus > 0)) && [[ -f build/release/core/libtokenwerk_cuda.so ]]; then
  device=cuda precision=bf16
  if ((gpus < ranks)); then ranks=$gpus; fi
fi
threads=$(($(nproc) / ranks))
export OMP_NUM_THREADS=$((threads > 0 ? threads : 1)) # of each rank
train=(mpirun -n "$ranks" --oversubscribe --bind-to none
  "$program" train "$recipe" --training.precision "$precision" --device.kind "$device")

if [[ -d $last ]]; then
  say "trained already: $last (--fresh trains again)"
else
  if ! compgen -G "$run/checkpoints/step-*" >/dev/null; then
    say "train on $ranks ranks of device $device in $precision, and stop half-way"
    "${train[@]}" --training.stop_after "$((steps / 2))"
  fi
  say "resume from the last checkpoint, to the planned end"
  "${train[@]}" --checkpoint.resume latest
fi

say "result"
# The record of `prepare` lists the training text before the validation text.
awk -F '[:,]' '/"unigram_entropy"/ { value[++n] = $2 }
  END { printf "unigram entropy of the text:  %.4f nats a token (held-out books: %.4f)\n", value[1], value[n] }' \
  "$data.prepared.json"
grep -o '"validation_loss": *[0-9.eE+-]*' "$run/metrics.jsonl" | awk -F ':' '
  NR == 1 { first = $2 } { last = $2 }
  END { printf "loss on the held-out books:   %.4f nats a token at the end, %.4f when first measured\n", last, first }'

say "a verse"
"$program" generate "$run/checkpoints" --prompt "And the LORD said unto" --tokens 60 --seed 7
