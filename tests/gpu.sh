#!/usr/bin/env bash
# Everything that only a GPU can tell: the tests of the cuda device, and its speed. README.md says how to read a report.
#
#   tests/gpu.sh [--report FILE]   on a machine with GPUs: builds, runs the steps, writes a report (gpu-report.md)
#   tests/gpu.sh --bundle DIR      on any machine that builds: a folder to copy to one with GPUs, where nothing is built
#   tests/gpu.sh --emulated        the steps on the emulated device, to test this script; its speeds mean nothing
#
# Exit code: 0, all passed; 1, a step failed (the others ran); 4, there is no GPU. TOKENWERK_BUILD names a build folder
# that has the programs; otherwise the preset gpu is built, for the GPU of the machine or, for a bundle, for all.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

mode=gpu report=gpu-report.md folder=''
while (($# > 0)); do
  case $1 in
    --report) report=${2:?--report needs a file} && shift ;;
    --bundle) mode=bundle folder=${2:?--bundle needs a folder} && shift ;;
    --emulated) mode=emulated ;;
    *)
      sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
      exit 2
      ;;
  esac
  shift
done

# shellcheck source=tests/gpu/machine.sh
source tests/gpu/machine.sh
commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)$(git diff --quiet HEAD 2>/dev/null || echo ', changed')
build=${TOKENWERK_BUILD:-build/gpu}

# build_programs TARGET FLAG...: unless a build folder is given.
build_programs() {
  local target=$1
  shift
  [[ -z ${TOKENWERK_BUILD:-} ]] || return 0
  cmake --preset gpu "$@" && cmake --build --preset gpu --target "$target" --parallel "$(nproc)"
}

program() {
  case $1 in
    tokenwerk) [[ $mode == emulated ]] && echo "$build/tests/emulator/tokenwerk-emulated" || echo "$build/launch/tokenwerk" ;;
    train_on_gpu_tests) echo "$build/tests/gpu/$1" ;;
    *) [[ $mode == emulated ]] && echo "$build/tests/gpu/${1/_on_gpu/_on_cuda}" || echo "$build/tests/gpu/$1" ;;
  esac
}

nvidia_files() {
  ldd "$build/core/libtokenwerk_cuda.so" | awk '/lib(cublas|cudnn|nccl)/ && $3 ~ /^[/]/ { print $3 }' | xargs -r readlink -f
}

case $mode in
  bundle)
    build_programs gpu_programs || exit 1
    # shellcheck source=tests/gpu/bundle.sh
    source tests/gpu/bundle.sh
    make_bundle "$(realpath "$build")" "$folder"
    exit
    ;;
  gpu)
    gpus=$(count_gpus)
    ((gpus > 0)) || no_gpu "tests/gpu.sh --bundle DIR makes a folder here to copy to a machine with one"
    build_programs gpu_programs "-DTOKENWERK_CUDA_ARCHITECTURES=$(architectures)" || exit 1
    size=full
    ;;
  emulated)
    build_programs gpu_programs_emulated || exit 1
    # shellcheck disable=SC2034  # read by the steps
    gpus=2 size=quick
    export OMPI_MCA_mpi_yield_when_idle=1 OMP_NUM_THREADS=1
    ;;
esac
build=$(realpath "$build")
# shellcheck source=tests/gpu/steps.sh
source tests/gpu/steps.sh
run_steps "$report"
