#!/usr/bin/env bash
# expect_output.sh FILE COMMAND...: succeeds when the command does and writes exactly the file to its standard output.
set -uo pipefail
wanted=$1
shift
output=$("$@" && echo end) || exit 1
diff "$wanted" <(echo -n "${output%end}") && echo "the output is that of $wanted"
