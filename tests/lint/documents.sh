#!/usr/bin/env bash
# One README per folder, every relative link of a document leads somewhere, and what a document shows of an example's
# output is what the example's test expects.
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
# check_output DOCUMENT: below "$ mpirun -n 4 WHERE/data_parallel" stands data_parallel.4.txt, up to the end of the block.
check_output() {
  local line shown='' file=''
  while IFS= read -r line; do
    if [[ $line =~ ^\$\ mpirun\ -n\ ([0-9]+)\ [^\ ]*/([a-z_]+)( |$) ]]; then
      file=examples/library/${BASH_REMATCH[2]}.${BASH_REMATCH[1]}.txt shown=''
    elif [[ $line == '```'* && -n $file ]]; then
      [[ -f $file && $shown == "$(<"$file")"$'\n' ]] || fault "$1: the output shown is not that of $file"
      file=''
    else
      shown+=$line$'\n'
    fi
  done <"$1"
}
[[ ! -f examples/README.md ]] || check_output examples/README.md
verdict
