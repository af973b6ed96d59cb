#!/usr/bin/env bash
# examples/quickstart.sh with a few steps, all but its build: quickstart.sh ROOT PROGRAM
set -euo pipefail
root=$1
program=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

mkdir -p "$folder/examples" "$folder/build/release/launch" "$folder/bin"
cp "$root/examples/quickstart.sh" "$folder/examples/"
sed 's/^steps = .*/steps = 8/; s/^every = .*/every = 2/; s/^validate_every = .*/validate_every = 4/
  s/^warmup_steps = .*/warmup_steps = 2/' "$root/examples/quickstart.toml" >"$folder/examples/quickstart.toml"
ln -s "$program" "$folder/build/release/launch/tokenwerk"
printf '#!/bin/sh\n' >"$folder/bin/cmake" # built already
chmod +x "$folder/bin/cmake"
export PATH="$folder/bin:$PATH"

# expect FILE TEXT...: the output holds each text.
expect() {
  local file=$1 text
  shift
  for text in "$@"; do
    grep -qF -- "$text" "$file" || {
      cat "$file"
      echo "quickstart.sh: missing in the output: $text"
      exit 1
    }
  done
}

"$folder/examples/quickstart.sh" --no-install >"$folder/first.txt" 2>&1 || {
  cat "$folder/first.txt"
  exit 1
}
expect "$folder/first.txt" "unigram entropy" "stop half-way" "resumes after step 4" "step 8/8" "step 8  checkpoint saved" \
  "loss on the held-out books" "== a verse" "And the LORD said unto" "60 tokens"
"$folder/examples/quickstart.sh" --no-install >"$folder/second.txt" 2>&1
expect "$folder/second.txt" "trained already" "== a verse"
echo "quickstart.sh: trained, resumed, and only shown again"
