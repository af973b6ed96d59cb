#!/usr/bin/env bash
# What parallelism costs: measured beside the formula, as ratios within one run.
#
#   tests/bench/parallel.sh [PART...]      default: all parts
#
#   bytes     bytes sent a step by axis and operation, data, ZeRO, tensor, sequence and pipeline at 2, 4 and 8 ranks
#   memory    peak memory of the rank that needs most: ZeRO stages, pipeline schedules, recomputation, sequence, fixed order
#   reproducible   step time with sums of a fixed order over that without, three models
#   scatter   our reduce-scatter beside MPI_Reduce_scatter_block at 2, 4 and 8 ranks
#   overlap   the share of communication hidden behind compute, on virtual hosts with slow links; needs root
#
# TOKENWERK_BUILD names a build folder that has the program and the benchmarks; otherwise the preset bench is built.
set -euo pipefail
command_line="$0 $*"
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

parts=("$@")
((${#parts[@]} > 0)) || parts=(bytes memory scatter overlap reproducible)
for part in "${parts[@]}"; do
  [[ $part =~ ^(bytes|memory|scatter|overlap|reproducible)$ ]] || {
    sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
  }
done

# shellcheck source=tests/bench/parallel/common.sh
source tests/bench/parallel/common.sh
prepare_bench "$command_line"
for part in "${parts[@]}"; do
  echo
  # shellcheck source=/dev/null
  source "tests/bench/parallel/$part.sh"
done
