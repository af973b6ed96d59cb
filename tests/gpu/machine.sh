# The GPUs of a machine. Sourced by tests/gpu.sh and by a bundle's run.sh.
# shellcheck shell=bash

# count_gpus: as many as a program may use.
count_gpus() {
  local count=0 named
  if [[ -n ${CUDA_VISIBLE_DEVICES+set} ]]; then
    named=$(tr ',' '\n' <<<"$CUDA_VISIBLE_DEVICES" | grep -c '[0-9A-Za-z]')
    ((named > 0)) || { echo 0 && return; }
  fi
  if command -v nvidia-smi >/dev/null; then
    count=$(nvidia-smi --list-gpus 2>/dev/null | grep -c '^GPU ')
  fi
  # Containers may have the devices without the tool.
  ((count > 0)) || count=$(find /dev -maxdepth 1 -name 'nvidia[0-9]*' 2>/dev/null | wc -l)
  [[ -n ${named:-} && $named -lt $count ]] && count=$named
  echo "$count"
}

# no_gpu ADVICE: says so and ends.
no_gpu() {
  echo "no GPU: neither nvidia-smi nor /dev names one that a program may use (CUDA_VISIBLE_DEVICES:" \
    "${CUDA_VISIBLE_DEVICES:-empty or not set}). $1." >&2
  exit 4
}

# architectures: of the GPUs there, as TOKENWERK_CUDA_ARCHITECTURES wants them.
architectures() {
  local found
  found=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | tr -d . | sort -nu | paste -sd ';')
  echo "${found:-80;90;100;120}"
}
