#!/usr/bin/env bash
# Dependencies point one way: core <- parallel <- models <- launch. Tests and examples may include all; nothing
# includes them. Own headers are named from the root of the repository, in quotes.
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

declare -A may_not_include=(
  [core]='parallel|models|launch|tests|examples'
  [parallel]='models|launch|tests|examples'
  [models]='launch|tests|examples'
  [launch]='tests|examples'
)
for folder in "${!may_not_include[@]}"; do
  [[ -d $folder ]] || continue
  faults_from < <(grep -rnE "^\s*#\s*include\s*[\"<](${may_not_include[$folder]})/" "$folder" --include='*.h' \
    --include='*.cpp' | sed "s|\$|  ($folder must not look upwards)|")
  faults_from < <(grep -rnE '^\s*#\s*include\s*"' "$folder" --include='*.h' --include='*.cpp' |
    grep -vE '#\s*include\s*"(core|parallel|models|launch)/' | sed 's|$|  (name own headers from the root)|')
done
verdict
