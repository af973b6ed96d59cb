#!/usr/bin/env bash
# C++ is laid out by clang-format 14 (Debian 12's) with the .clang-format of the root; other versions differ in details.
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

formatter=$(command -v clang-format-14 || command -v clang-format || true)
if [[ -z $formatter || $("$formatter" --version) != *"version 14."* ]]; then
  echo "format.sh: skipped, clang-format 14 is not installed"
  exit 77
fi
mapfile -t sources < <(files_in core parallel models launch tests examples -- '*.h' '*.cpp' '*.cu')
if ((${#sources[@]} > 0)); then
  faults_from < <("$formatter" --style=file --dry-run "${sources[@]}" 2>&1 | sed -n 's/: warning: .*/: run clang-format -i/p' |
    sort -u -t : -k 1,1)
fi
verdict
