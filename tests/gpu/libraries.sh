# Finding NVIDIA's libraries, wherever a machine keeps them. Sourced by a bundle's run.sh.
# shellcheck shell=bash

# library_folders: where they may be, one folder a line, best first. Python's packages come before a toolkit's: their
# cuDNN is the newer one as a rule.
library_folders() {
  local pattern='python3*/*-packages/nvidia/*/lib' root
  tr ':' '\n' <<<"${LD_LIBRARY_PATH:-}"
  for root in "${VIRTUAL_ENV:-}" "${CONDA_PREFIX:-}" "$HOME/.local" /usr /usr/local /opt/conda; do
    # shellcheck disable=SC2086  # the pattern is one
    [[ -z $root ]] || printf '%s\n' "$root"/lib/$pattern "$root/lib"
  done
  if command -v python3 >/dev/null; then
    python3 -c 'import site, glob
for folder in site.getsitepackages() + [site.getusersitepackages()]:
    print("\n".join(glob.glob(folder + "/nvidia/*/lib")))' 2>/dev/null
  fi
  printf '%s\n' /usr/local/cuda/lib64 /usr/local/cuda*/lib64 /usr/local/cuda*/targets/x86_64-linux/lib \
    /opt/nvidia/*/lib* /usr/local/nvidia/lib64 /usr/lib/wsl/lib /usr/lib/x86_64-linux-gnu /usr/lib64 /lib64
}

# find_library NAME: the path of the first of that name, nothing where there is none.
find_library() {
  local folder known
  while IFS= read -r folder; do
    [[ -n $folder && -e $folder/$1 ]] && echo "$folder/$1" && return
  done < <(library_folders)
  known=$({ ldconfig -p || /sbin/ldconfig -p; } 2>/dev/null | awk -v name="$1" '$1 == name && /x86-64/ { print $NF; exit }')
  [[ -z $known ]] || echo "$known"
}

# link_libraries FOLDER NAME...: links to those libraries, and to what lies beside them and belongs to them; says what is
# missing, but of those named "?NAME". Whole folders would bring other libraries along.
link_libraries() {
  local folder=$1 name path sibling missing=()
  shift
  mkdir -p "$folder"
  for name in "$@"; do
    path=$(find_library "${name#\?}")
    if [[ -z $path ]]; then
      [[ $name == \?* ]] || missing+=("$name")
      continue
    fi
    for sibling in "${path%.so*}"*.so*; do ln -sf "$sibling" "$folder/"; done
    echo "  ${name#\?}  $path"
  done
  ((${#missing[@]} == 0)) || {
    echo "not found: ${missing[*]}; LD_LIBRARY_PATH may name the folders that have them" >&2
    return 1
  }
}
