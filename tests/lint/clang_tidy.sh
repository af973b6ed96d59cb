#!/usr/bin/env bash
# clang-tidy with the checks of .clang-tidy over every library source; minutes, so its test has the label long.
#   clang_tidy.sh ROOT BUILD_FOLDER [FILE...]
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

build=${2:?clang_tidy.sh ROOT BUILD_FOLDER [FILE...]: the build folder holds compile_commands.json}
tidy=$(command -v clang-tidy-19 || true)
if [[ -z $tidy ]]; then
  echo "clang_tidy.sh: skipped, clang-tidy-19 is not installed (and for omp.h libomp-19-dev)"
  exit 77
fi
shift 2
if (($# > 0)); then
  sources=("$@")
else
  # The kernels are written with vectors as only g++ has them.
  mapfile -t sources < <(files_in core parallel models launch -- '*.cpp' | grep -v '^core/cpu/kernels/')
fi
# Flags that only g++ knows stand in compile_commands.json; clang need not mind them.
printf '%s\0' "${sources[@]}" | xargs -0 -n 1 -P "$(nproc)" \
  "$tidy" -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-ignored-optimization-argument \
  --extra-arg=-Wno-deprecated-declarations ||
  fault "clang-tidy: see above"
verdict
