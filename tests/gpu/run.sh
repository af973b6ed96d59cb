#!/usr/bin/env bash
# Runs the steps of tests/gpu.sh from this folder, on a machine with GPUs, their driver and NVIDIA's libraries (cuBLASLt
# and NCCL; from a toolkit, a system package or pip). Nothing is built or installed.
#
#   ./run.sh [--report FILE]   the steps; the report is gpu-report.md otherwise
#   ./run.sh --self-test       whether the programs start here, on the cpu device: needs no GPU
#
# Exit code: 0, all passed; 1, a step failed (the others ran); 3, a library is missing; 4, there is no GPU.
# TOKENWERK_GLIBC=own or system overrides the choice of glibc.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

mode=gpu report=gpu-report.md
while (($# > 0)); do
  case $1 in
    --report) report=${2:?--report needs a file} && shift ;;
    --self-test) mode=self_test ;;
    *)
      sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
      exit 2
      ;;
  esac
  shift
done
# shellcheck source=tests/gpu/machine.sh
source "$here/machine.sh"
# shellcheck source=tests/gpu/libraries.sh
source "$here/libraries.sh"

program() { echo "$TOKENWERK_FILES/bin/$1"; }
nvidia_files() {
  find "$links" -name 'lib*.so.[0-9]*' | grep -E '/lib(cuda|cublasLt|cudnn|nccl)\.' | xargs -r readlink -f | sort -u
}

# unpack: beside this script where it can, or else in a temporary folder.
unpack() {
  TOKENWERK_FILES=$here/files
  [[ -f $TOKENWERK_FILES/commit.txt ]] && return
  mkdir -p "$TOKENWERK_FILES" 2>/dev/null && [[ -w $TOKENWERK_FILES ]] || TOKENWERK_FILES=$(mktemp -d)
  echo "unpacking to $TOKENWERK_FILES"
  tar --extract --gzip --file="$here/files.tar.gz" --directory="$TOKENWERK_FILES" --no-same-owner || exit 3
}

# choose_glibc: the system's loader and glibc where they are new enough, which NVIDIA's libraries of that system may
# want; otherwise those that the bundle brings.
choose_glibc() {
  local wanted system choice=${TOKENWERK_GLIBC:-}
  wanted=$(<"$TOKENWERK_FILES/glibc.txt")
  system=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d ' ' -f 2)
  if [[ -z $choice ]]; then
    choice=own
    # 2.33 is the first whose loader takes --argv0.
    [[ -n $system && $(printf '%s\n' "$wanted" 2.33 "$system" | sort -V | tail -n 1) == "$system" ]] && choice=system
  fi
  TOKENWERK_LOADER=/lib64/ld-linux-x86-64.so.2
  TOKENWERK_LIBRARIES=$TOKENWERK_FILES/lib:$links
  if [[ $choice == own ]]; then
    TOKENWERK_LOADER=$TOKENWERK_FILES/glibc/ld-linux-x86-64.so.2
    TOKENWERK_LIBRARIES=$TOKENWERK_FILES/glibc:$TOKENWERK_LIBRARIES
  fi
  TOKENWERK_LIBRARIES+=${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  echo "glibc: $choice (the system's is ${system:-none}, wanted is $wanted)"
}

# start_openmpi: the bundle's, whatever the system has.
start_openmpi() {
  PATH=$TOKENWERK_FILES/bin:$PATH
  export PATH OPAL_PREFIX=$TOKENWERK_FILES/openmpi PMIX_INSTALL_PREFIX=$TOKENWERK_FILES/openmpi
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  export PMIX_MCA_pcompress_base_silence_warning=1
  export OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,vader OMPI_MCA_plm=isolated # one machine: no network, no ssh
}

# self_test: on the cpu device, alone and as two ranks.
self_test() {
  local scratch failed=0
  scratch=$(mktemp -d)
  printf 'some text to train on, again and again\n%.0s' {1..200} >"$scratch/text.txt"
  "$(program tokenwerk)" doctor --disk-megabytes 0 || failed=1
  "$(program tokenwerk)" prepare --input "$scratch/text.txt" --output "$scratch/data" --tokenizer bytes || failed=1
  printf '[model]\nfamily = "gpt"\nlayers = 1\nwidth = 32\nheads = 2\n[data]\ntrain = "%s"\nsequence_length = 16\n' \
    "$scratch/data" >"$scratch/recipe.toml"
  OMP_NUM_THREADS=1 mpirun --oversubscribe --bind-to none -n 2 "$(program tokenwerk)" train "$scratch/recipe.toml" \
    --training.steps 3 --training.global_batch 2 --log.directory "$scratch/run" || failed=1
  "$(program nn_on_gpu_tests)" --gtest_brief=1 || failed=1
  OMP_NUM_THREADS=1 mpirun --oversubscribe --bind-to none -n 2 "$(program parallel_on_gpu_tests)" --gtest_brief=1 || failed=1
  rm -rf "$scratch"
  return "$failed"
}

unpack
links=$TOKENWERK_FILES/nvidia # to the machine's own libraries, found anew each time
rm -rf "$links"
choose_glibc
export TOKENWERK_FILES TOKENWERK_LOADER TOKENWERK_LIBRARIES
start_openmpi
if [[ $mode == self_test ]]; then
  self_test
  exit
fi

gpus=$(count_gpus)
((gpus > 0)) || no_gpu "--self-test says whether the programs start"
mapfile -t needs <"$TOKENWERK_FILES/needs.txt"
link_libraries "$links" "${needs[@]}" || exit 3
# shellcheck disable=SC2034  # read by the steps
size=full commit=$(<"$TOKENWERK_FILES/commit.txt")
# shellcheck source=tests/gpu/steps.sh
source "$here/steps.sh"
run_steps "$report"
