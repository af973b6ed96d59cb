#!/usr/bin/env bash
# Foreign headers stop at one place each, so that a library can be exchanged there.
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# only_in HEADERS PLACES: headers that match the first expression are included only by files that match the second.
only_in() {
  faults_from < <(grep -rnE "^\s*#\s*include\s*[\"<]($1)[\">]" core parallel models launch --include='*.h' \
    --include='*.cpp' --include='*.cu' 2>/dev/null | grep -vE "^($2)" | sed "s|\$|  (belongs in $2)|")
}

only_in 'mpi\.h' 'parallel/comm/'
only_in '(hdf5|H5[A-Za-z]*|hdf5_hl)\.h' 'parallel/checkpoint/[a-z0-9_]+\.cpp'
only_in 'CLI/.*' 'launch/'
only_in 'toml(\+\+|plusplus)/.*' 'launch/'
only_in 'omp\.h' 'core/cpu/'
only_in '(dnnl|oneapi/dnnl)[a-z_/]*\.(h|hpp)' 'core/cpu/'
only_in '[a-z]*mmintrin\.h' 'core/cpu/'
only_in 'sentencepiece[a-z_]*\.h' 'core/data/'
only_in '(cuda|cublas|cudnn)[A-Za-z_]*\.h' 'core/cuda/'
only_in 'nccl\.h' 'parallel/comm/'
only_in 'spdlog/.*' 'core/log\.cpp'
only_in '(gtest|gmock|benchmark)/.*' 'tests/'

# Some are allowed in a single file.
for header in hdf5 nccl; do
  mapfile -t users < <(grep -rlE "^\s*#\s*include\s*[\"<]$header\.h" core parallel models launch 2>/dev/null)
  ((${#users[@]} <= 1)) || fault "${users[*]}: $header.h is included by more than one file"
done
verdict
