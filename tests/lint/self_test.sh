#!/usr/bin/env bash
# A check that cannot fail checks nothing: each one must accept a clean tree and refuse a tree with one fault in it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

# expect STATUS CHECK FILE CONTENT: writes FILE into a fresh small tree and runs the check there.
expect() {
  local wanted=$1 check=$2 file=$3 content=$4 tree=$scratch/tree got=0
  rm -rf "$tree"
  mkdir -p "$tree"/{core/cpu,core/data,parallel/comm,parallel/checkpoint,models,launch,tests,examples,cmake,.ci}
  cp "$here/../../.clang-format" "$tree"
  local folder
  for folder in . core parallel models launch tests examples; do echo "# Words" >"$tree/$folder/README.md"; done
  printf '#pragma once\n' >"$tree/core/good.h"
  mkdir -p "$(dirname "$tree/$file")"
  printf '%b' "$content" >"$tree/$file"
  "$here/$check.sh" "$tree" >"$scratch/output" 2>&1 || got=$?
  if ((got != wanted && got != 77)); then
    echo "$check: exit $got, not $wanted, for $file with: ${content:0:60}" >&2
    cat "$scratch/output" >&2
    failures=$((failures + 1))
  fi
}

for check in include_direction foreign_headers file_length words documents format shell; do
  expect 0 "$check" models/fine.cpp '#include "core/good.h"\n'
done
expect 1 include_direction core/upward.cpp '#include "parallel/mesh.h"\n'
expect 1 include_direction models/upward.h '#pragma once\n#include "launch/recipe.h"\n'
expect 1 include_direction launch/tests.cpp '#include "tests/support/x.h"\n'
expect 1 include_direction core/relative.cpp '#include "good.h"\n'
expect 0 foreign_headers parallel/comm/mpi.cpp '#include <mpi.h>\n'
expect 1 foreign_headers parallel/mesh.cpp '#include <mpi.h>\n'
expect 0 foreign_headers parallel/checkpoint/file.cpp '#include <hdf5.h>\n'
expect 1 foreign_headers parallel/checkpoint/file.h '#include <hdf5.h>\n'
expect 1 foreign_headers launch/checkpoint.cpp '#include <hdf5.h>\n'
expect 1 foreign_headers core/flags.cpp '#include <CLI/CLI.hpp>\n'
expect 1 foreign_headers models/config.cpp '#include <toml++/toml.h>\n'
expect 1 foreign_headers models/threads.cpp '#include <omp.h>\n'
expect 1 foreign_headers core/ops/product.cpp '#include <dnnl.hpp>\n'
expect 1 foreign_headers launch/tokenizer.cpp '#include <sentencepiece_processor.h>\n'
expect 1 foreign_headers launch/console.cpp '#include <spdlog/spdlog.h>\n'
expect 1 foreign_headers core/cpu/gpu.cpp '#include <cuda_runtime.h>\n'
expect 0 file_length core/long.cpp "$(printf '//\\n%.0s' {1..400})"
expect 1 file_length core/long.cpp "$(printf '//\\n%.0s' {1..401})"
expect 1 file_length tests/long.cpp "$(printf '//\\n%.0s' {1..601})"
expect 1 words core/later.cpp "// T""ODO: later\n"
expect 1 words core/blank.cpp 'int x; \n'
expect 1 words core/tab.cpp '\tint x;\n'
expect 1 words core/owner.cpp 'auto* x = new int(3);\n'
expect 1 words core/shared.h '#pragma once\nstd::shared_ptr<int> x;\n'
expect 1 words core/twice.h 'int x;\n'
expect 1 documents core/README.md 'See [there](missing.md).\n'
expect 0 documents core/README.md 'See [there](../models/README.md#part) and [that](https://example.org/x).\n'
expect 1 documents examples/README.md "\`\`\`\n\$ mpirun -n 2 here/data_parallel\nother\n\`\`\`\n"
expect 1 format core/wide.cpp 'int  x ;\n'
expect 1 shell tests/loose.sh '#!/usr/bin/env bash\ncd /tmp\n'
((failures == 0)) && echo "self_test.sh: every check finds its fault"
