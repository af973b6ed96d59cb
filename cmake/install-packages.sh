#!/usr/bin/env bash
# Installs the packages of debian-packages.txt that are missing; with --tests those for the tests too.
# Asks for nothing where all are there; otherwise it needs root, or sudo.
set -euo pipefail

list=$(dirname "${BASH_SOURCE[0]}")/debian-packages.txt
if [[ ${1:-} == --tests ]]; then
  mapfile -t packages < <(sed 's/#.*//; s/[[:blank:]]*$//; /^$/d' "$list")
else
  mapfile -t packages < <(sed '/# tests/d; s/#.*//; s/[[:blank:]]*$//; /^$/d' "$list")
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $status == installed ]] || missing+=("$package")
done
((${#missing[@]} > 0)) || exit 0

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || {
    echo "install-packages.sh: needs root or sudo to install: ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi
echo "installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get -q update
"${as_root[@]}" apt-get -q install --yes --no-install-recommends "${missing[@]}"
