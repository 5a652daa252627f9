#!/bin/sh
# Run ScoutSuite's audit of an account.
#
#     scoutsuite.sh SCOUT REGIONS [SERVICE...]
#
# SCOUT is the program, REGIONS a list with commas, a SERVICE one of "scout aws
# --list-services"; without one, all of them. The keys are those of the
# environment. The report goes into a folder under HOME.
set -eu
. "$(dirname "$0")/offline.sh"

scout=$1 regions=$2
shift 2
[ $# -eq 0 ] || set -- --services "$@"
status=0
"$scout" aws --no-browser --force --report-dir "$HOME/scoutsuite" --regions $(printf '%s' "$regions" | tr ',' ' ') "$@" </dev/null || status=$?
# 200 says that the report is there and some calls were refused or not answered.
[ "$status" -eq 200 ] || exit "$status"
