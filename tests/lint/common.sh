# Shared by the lint scripts, which source it. Each script takes the root of the tree to check (default: this
# repository), prints every offence as "file:line: what", and exits 1 if there was one, 77 if it cannot run here.
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}"

faults=0
fault() {
  printf '%s\n' "$*" >&2
  faults=$((faults + 1))
}

# Reads "file:line: what" lines and counts each as a fault.
faults_from() {
  local line
  while IFS= read -r line; do fault "$line"; done
}

verdict() {
  if ((faults > 0)); then
    echo "$(basename "$0"): $faults fault(s)" >&2
    exit 1
  fi
  echo "$(basename "$0"): clean"
}

# Prints the files below the named folders whose names match one of the patterns after "--".
files_in() {
  local folders=() names=()
  while [[ $# -gt 0 && $1 != -- ]]; do
    [[ -d $1 ]] && folders+=("$1")
    shift
  done
  shift
  while [[ $# -gt 0 ]]; do
    names+=(-o -name "$1")
    shift
  done
  ((${#folders[@]} == 0)) || find "${folders[@]}" -type f \( "${names[@]:1}" \) | sort
}

# The folders that hold the project's own files, as far as they exist.
# shellcheck disable=SC2034  # read by the scripts that source this
all_folders=(core parallel models launch tests examples cmake .ci)
