#!/usr/bin/env bash
# Bytes that the CUDA back end's kernels move, by operation, against the least: every input read once, every result
# written once. Counted by the emulator, so that no GPU is needed.
#
#   tests/bench/kernel_traffic.sh [--small | --compact]
#
# --small takes the extents of the test; --compact prints the ratios of moved and stated bytes to the least alone.
# moved counts sectors of 32 bytes as each warp asks for them; stated is what the formulas beside the calls
# (tests/emulator/traffic/) allow, as a multiple of the least, with the reason. TOKENWERK_BUILD names a build folder that
# has the program kernel_traffic; otherwise the preset test is built.
set -euo pipefail
command_line="$0 $*"
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

[[ $# == 0 || $* == --small || $* == --compact ]] || {
  sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
}
build=${TOKENWERK_BUILD:-build/test}
if [[ -z ${TOKENWERK_BUILD:-} ]]; then
  cmake --preset test >/dev/null
  cmake --build --preset test --parallel "$(nproc)" --target kernel_traffic >/dev/null
fi

echo "commit   $(git rev-parse --short HEAD 2>/dev/null || echo unknown)$(git diff --quiet HEAD 2>/dev/null || echo ', changed')"
echo "command  $command_line"
program=$build/tests/emulator/kernel_traffic
if [[ $* == --compact ]]; then
  printf '%-28s %-16s %6s %6s\n' operation operands moved stated
  "$program" | awk '/^[a-z_]+ .* (bf16|f32|f64) [0-9]+x/ { print substr($0, 1, 45) substr($0, 72, 14) }'
else
  "$program" "$@"
fi
