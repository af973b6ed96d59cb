# Makes the folder that tests/gpu.sh --bundle promises. Sourced by tests/gpu.sh.
#
#   run.sh                what to call there; steps.sh and its like beside it are the scripts of this folder
#   files.tar.gz          unpacked by run.sh:
#     programs/           tokenwerk, the tests, the benchmarks, mpirun; bin/ starts them with the libraries below
#     lib/                ours, the CUDA back end, and all that they need but for glibc and NVIDIA's libraries
#     glibc/              Debian's, with its loader, for machines whose own is older
#     openmpi/            the plugins and texts of Open MPI
#     needs.txt           NVIDIA's libraries, which the machine must have ("?": may have); glibc.txt: the version that lib/ wants
# shellcheck shell=bash disable=SC2154  # variables of tests/gpu.sh

most_bytes=$((60 * 1000 * 1000))
glibc_names='ld-linux-x86-64|libc|libm|libdl|libpthread|librt|libresolv|libutil'
nvidia_names='lib(cuda|cublas|cublasLt|cudnn[a-z_]*|nccl|nvidia-ml|nvrtc)'

# needed FILE...: paths of the libraries that these files load, and those load.
needed() {
  ldd "$@" 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u
}

# add_libraries FILES FILE...: what the files need, but for what the machine brings.
add_libraries() {
  local files=$1 path name
  shift
  while IFS= read -r path; do
    name=$(basename "$path")
    if [[ $name =~ ^($glibc_names)\.so ]]; then
      cp -L "$path" "$files/glibc/"
    elif [[ ! $name =~ ^$nvidia_names\.so ]]; then
      [[ -e $files/lib/$name ]] || cp -L "$path" "$files/lib/"
    fi
  done < <(needed "$@")
}

# add_program FILES PATH [NAME]: the program, and in bin/ what starts it with the bundle's libraries.
add_program() {
  local name=${3:-$(basename "$2")}
  cp -L "$2" "$1/programs/$name"
  # shellcheck disable=SC2016  # what the script expands
  printf '#!/bin/sh\nexec "$TOKENWERK_LOADER" --library-path "$TOKENWERK_LIBRARIES" --argv0 %s "$TOKENWERK_FILES/programs/%s" "$@"\n' \
    "$name" "$name" >"$1/bin/$name"
  chmod +x "$1/bin/$name"
}

# add_openmpi FILES: plugins for the ranks of one machine; those for networks and batch systems stay here.
add_openmpi() {
  local files=$1 plugins data
  plugins=$(ompi_info --path pkglibdir --parsable | sed 's/.*://')
  data=$(ompi_info --path pkgdatadir --parsable | sed 's/.*://')
  local inside=$files/openmpi/${plugins#"$(ompi_info --path prefix --parsable | sed 's/.*://')/"}
  mkdir -p "$inside" "$files/openmpi/share"
  find "$plugins" -name 'mca_*.so' | grep -vE '_(ucx|ofi|openib|psm2?|flux|jsm|slurm|gridengine|romio[0-9]*|monitoring|rdma)\.so$' |
    grep -vE 'mca_(sp|sshmem|scoll|memheap)' | xargs cp -t "$inside"
  cp -rL "$data" "$files/openmpi/share/"
  add_libraries "$files" "$inside"/*.so
  add_program "$files" "$(readlink -f "$(command -v mpirun)")" mpirun
}

# newest_glibc FILES: the highest version of glibc's symbols that anything in the bundle asks for.
newest_glibc() {
  { find "$1/programs" "$1/lib" "$1/openmpi" -type f -exec objdump -T {} + 2>/dev/null || true; } |
    grep -oE 'GLIBC_2\.[0-9]+' | sed 's/GLIBC_//' | sort -uV | tail -n 1
}

# fill_bundle BUILD FILES
fill_bundle() {
  local build=$1 files=$2 program module
  mkdir -p "$files"/{bin,programs,lib,glibc}
  module=$build/core/libtokenwerk_cuda.so
  cp -L "$module" "$files/lib/"
  add_program "$files" "$build/launch/tokenwerk"
  for program in ops nn parallel train; do add_program "$files" "$build/tests/gpu/${program}_on_gpu_tests"; done
  add_program "$files" "$build/tests/gpu/bench_on_gpu"
  add_libraries "$files" "$files"/programs/*
  add_openmpi "$files"
  add_libraries "$files" "$module"
  cp -L /lib64/ld-linux-x86-64.so.2 "$files/glibc/"
  strip --strip-unneeded "$files"/programs/* "$files"/lib/* 2>/dev/null
  # What the driver or cuDNN open by themselves is wanted only where it is there.
  printf '?%s\n' libnvidia-ml.so.1 libnvidia-ptxjitcompiler.so.1 libnvrtc.so.13 >"$files/needs.txt"
  { echo libcuda.so.1 && readelf -d "$module" "$build/tests/gpu/bench_on_gpu" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' |
    grep -E "^$nvidia_names\.so"; } | sort -u >>"$files/needs.txt"
  newest_glibc "$files" >"$files/glibc.txt"
  echo "$commit" >"$files/commit.txt"
}

# make_bundle BUILD DIR: makes it and prints its size; 1 where it is too large or something is missing.
make_bundle() {
  local build=$1 folder=$2 files bytes
  [[ ! -e $folder ]] || { echo "$folder is there already: give the name of a new folder" >&2 && return 1; }
  files=$(mktemp -d)
  # shellcheck disable=SC2064  # the folder of now
  trap "rm -rf '$files'" EXIT
  set -eE
  trap 'echo "the bundle is not made: $BASH_COMMAND failed" >&2' ERR
  fill_bundle "$build" "$files"
  mkdir -p "$folder"
  tar --create --gzip --owner=0 --group=0 --directory="$files" --file="$folder/files.tar.gz" .
  cp tests/gpu/{run,steps,training,machine,libraries}.sh tests/gpu/torch_peer.py "$folder/"
  trap - ERR
  set +eE
  bytes=$(cat "$folder"/* | wc -c)
  echo "$folder: $((bytes / 1000000)) MB, unpacked $(du -sm "$files" | cut -f1) MB; glibc $(<"$files/glibc.txt")," \
    "needs $(grep -v '?' "$files/needs.txt" | paste -sd ' ')"
  ((bytes <= most_bytes)) || {
    echo "$folder has $bytes bytes, wanted at most $most_bytes" >&2
    return 1
  }
}
