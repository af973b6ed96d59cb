#!/usr/bin/env bash
# Builds the tests and runs them; README.md beside this script explains the labels.
#   tests/run.sh                 the default set: everything but what is labelled long
#   tests/run.sh --long          everything, the sanitizer builds first
#   tests/run.sh -L unit -V      other arguments go to ctest
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

jobs=$(nproc)
if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi

# test_preset PRESET [CTEST_ARGUMENT...]: configures, builds and tests one preset.
test_preset() {
  local preset=$1
  shift
  cmake --preset "${preset%-all}"
  cmake --build --preset "${preset%-all}" --parallel "$jobs"
  ctest --preset "$preset" --parallel "$jobs" "$@"
}

if [[ ${1:-} == --long ]]; then
  shift
  test_preset asan "$@"
  test_preset tsan "$@"
  test_preset test-all "$@"
else
  test_preset test "$@"
fi
