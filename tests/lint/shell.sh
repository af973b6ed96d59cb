#!/usr/bin/env bash
# Scripts pass shellcheck and can be executed; the ones meant to be sourced need not.
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

if ! command -v shellcheck >/dev/null; then
  echo "shell.sh: skipped, shellcheck is not installed"
  exit 77
fi
mapfile -t scripts < <(files_in "${all_folders[@]}" -- '*.sh' '*.sbatch'; find .ci -type f -name run 2>/dev/null)
for script in "${scripts[@]}"; do
  shellcheck --shell=bash --external-sources "$script" >&2 || fault "$script: shellcheck"
  [[ -x $script || $(head -c 2 "$script") != '#!' ]] || fault "$script: not executable"
done
verdict
