#!/usr/bin/env bash
# expect_exit.sh CODE COMMAND...: succeeds when the command ends with this exit code.
set -uo pipefail
wanted=$1
shift
"$@"
code=$?
echo "exit code $code, wanted $wanted"
((code == wanted))
