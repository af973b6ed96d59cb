#!/usr/bin/env bash
# Registers, shared memory and stack of every kernel in the built CUDA module, on each architecture that it holds.
#
#   tests/bench/kernel_resources.sh [--check] [MODULE]      default: the module of the preset release, which is built
#
# A row is a family of kernels that differ in their types: the most registers of any by architecture, the most shared
# bytes that a block has from the start, with the 1024 that the system keeps on sm_90 and later (attention asks for more
# when it is launched). --check fails, naming the kernel, where one keeps anything in local memory. CUOBJDUMP names the
# CUDA Toolkit's program that reads the module; without one the script ends with 77.
set -euo pipefail
command_line="$0 $*"
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

check=0
module=
while (($# > 0)); do
  case $1 in
    --check) check=1 ;;
    -*)
      sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
      exit 2
      ;;
    *) module=$1 ;;
  esac
  shift
done

reader=${CUOBJDUMP:-}
for candidate in cuobjdump "${CUDA_HOME:-/usr/local/cuda}/bin/cuobjdump"; do
  [[ -n $reader ]] || reader=$(command -v "$candidate" || true)
done
if [[ -z $reader ]]; then
  echo "kernel_resources.sh: skipped, the CUDA Toolkit's cuobjdump is not installed; CUOBJDUMP may name it"
  exit 77
fi
if [[ -z $module ]]; then
  cmake --preset release >/dev/null
  cmake --build --preset release --parallel "$(nproc)" --target tokenwerk_cuda >/dev/null
  module=build/release/core/libtokenwerk_cuda.so
fi
[[ -f $module ]] || {
  echo "kernel_resources.sh: no module $module; build the target tokenwerk_cuda" >&2
  exit 2
}

# ARCHITECTURE SOURCE NAME REGISTERS SHARED STACK+LOCAL by kernel, tabs between.
kernels() {
  "$reader" --dump-resource-usage "$module" | awk '
    /^arch = / { architecture = $3 }
    /^ Function / {
      name = substr($2, 1, length($2) - 1)
      source = match(name, /[0-9]+_[a-z_]+_cu_[0-9a-f]+/) ? substr(name, RSTART, RLENGTH) : "shared"
      sub(/^[0-9]+_/, "", source); sub(/_cu_.*/, "", source)
    }
    /REG:/ {
      gsub(/[A-Z]+:/, "")
      print architecture "\t" source "\t" name "\t" $1 "\t" $3 "\t" $2 + $4
    }' | c++filt | sed 's/tokenwerk::cuda:://g; s/(anonymous namespace):://g; s/\tvoid /\t/; s/__nv_bfloat16/bf16/g'
}

# The table, and the kernels with local memory to standard error; ends badly where there are any or no kernel at all.
summary() {
  awk -F '\t' '
    function family(name, kernel, width) {
      kernel = name; sub(/[<(].*/, "", kernel)
      if (kernel ~ /^(map|map_rows|column_partials)_kernel$/) {
        gsub(/\(Norm\)/, "", name); sub(/^[a-z_]+</, "", name)
        match(name, /[A-Z][A-Za-z]+/)
        return substr(name, RSTART, RLENGTH)
      }
      sub(/_kernel$/, "", kernel)
      return match(name, /Tiles<[a-z]+, [0-9]+/) ? kernel " " substr(name, RSTART + RLENGTH - 3, 3) + 0 : kernel
    }
    {
      key = $2 "\t" family($3)
      if (!(key in shared)) { keys[++count] = key; shared[key] = 0 }
      if (!($1 in held)) { held[$1] = 0; architectures[++held_count] = $1 }
      held[$1]++
      if ($4 > registers[key, $1]) registers[key, $1] = $4
      if ($5 > shared[key]) shared[key] = $5
      if ($6 > 0) { print $1 ": " $3 " keeps " $6 " bytes in local memory" > "/dev/stderr"; faults++ }
    }
    END {
      if (!count) { print "no kernels found" > "/dev/stderr"; exit 1 }
      for (a = 2; a <= held_count; a++)  # few: sort in place, by number
        for (b = a; b > 1 && substr(architectures[b], 4) + 0 < substr(architectures[b - 1], 4) + 0; b--) {
          swap = architectures[b]; architectures[b] = architectures[b - 1]; architectures[b - 1] = swap
        }
      printf "%-20s %-22s", "source", "kernel"
      for (a = 1; a <= held_count; a++) printf " %7s", architectures[a]
      printf " %7s\n", "shared"
      for (i = 1; i <= count; i++) {
        split(keys[i], part, "\t")
        line = sprintf("%-20s %-22s", part[1], part[2])
        for (a = 1; a <= held_count; a++) line = line sprintf(" %7d", registers[keys[i], architectures[a]])
        print line sprintf(" %7d", shared[keys[i]]) | "sort"
      }
      close("sort")
      line = sprintf("%-43s", "kernels, with local memory: " faults + 0)
      for (a = 1; a <= held_count; a++) line = line sprintf(" %7d", held[architectures[a]])
      print line
      exit faults > 0
    }'
}

echo "module   $module, $(stat -c %s "$module") bytes"
echo "commit   $(git rev-parse --short HEAD 2>/dev/null || echo unknown)$(git diff --quiet HEAD 2>/dev/null || echo ', changed')"
echo "command  $command_line"
kernels | summary || exit "$check"
