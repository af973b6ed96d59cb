#!/usr/bin/env bash
# What is not done is an issue, not a remark in the code; no trailing blanks, no tabs in sources, headers guarded.
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

mapfile -t texts < <(files_in "${all_folders[@]}" -- '*.h' '*.cpp' '*.cu' '*.cmake' '*.sh' '*.py' '*.md' '*.txt' '*.toml')
mapfile -t sources < <(files_in core parallel models launch tests -- '*.h' '*.cpp' '*.cu')
mapfile -t headers < <(files_in core parallel models launch tests -- '*.h')

if ((${#texts[@]} > 0)); then
  faults_from < <(grep -nHE '\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b' "${texts[@]}")
  faults_from < <(grep -nHE '[[:blank:]]+$' "${texts[@]}" | sed 's|$|  (trailing blanks)|')
fi
if ((${#sources[@]} > 0)); then
  faults_from < <(grep -nHP '\t' "${sources[@]}" | sed 's|$|  (tab)|')
  faults_from < <(grep -nHE '(=|return|\()\s*new\s+[A-Za-z_:]+\s*[({[]' "${sources[@]}" | sed 's|$|  (no new: use an owner)|')
fi
for header in "${headers[@]}"; do
  grep -q '^#pragma once' "$header" || fault "$header:1: no #pragma once"
done
faults_from < <(grep -rnE '\bshared_ptr\b' core --include='*.h' --include='*.cpp' 2>/dev/null | sed 's|$|  (no shared_ptr in core)|')
verdict
