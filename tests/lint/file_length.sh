#!/usr/bin/env bash
# Long files are the ones that hold what has no owner: sources stay within 400 lines, no file exceeds 600.
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

check() {
  local limit=$1 file lines
  while IFS= read -r file; do
    lines=$(wc -l <"$file")
    ((lines <= limit)) || fault "$file:$lines: more than $limit lines"
  done
}
check 400 < <(files_in core parallel models launch -- '*.h' '*.cpp' '*.cu')
check 600 < <(files_in "${all_folders[@]}" -- '*.h' '*.cpp' '*.cu' '*.cmake' '*.sh' '*.py' '*.md' '*.txt' '*.toml')
verdict
