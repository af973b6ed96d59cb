#!/usr/bin/env bash
# One README per folder, and every relative link of a document leads somewhere.
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

for folder in . core parallel models launch tests examples; do
  [[ ! -d $folder || -f $folder/README.md ]] || fault "$folder: no README.md"
done
while IFS= read -r document; do
  while IFS= read -r link; do
    target=${link%%#*}
    [[ -z $target || -e $(dirname "$document")/$target ]] || fault "$document: broken link to $target"
  done < <(grep -oE '\]\([^)[:space:]]+\)' "$document" | sed -E 's/^\]\(|\)$//g' | grep -vE '^[a-z]+:' || true)
done < <(files_in "${all_folders[@]}" -- '*.md'; find . -maxdepth 1 -name '*.md')
verdict
