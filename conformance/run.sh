#!/usr/bin/env bash
# Holds Vedette against programs and readers that share no code with it.
#
#   conformance/run.sh [--quick]
#
#   counts   every record of the logs in ../shared/logs, counted by counts.py
#   seed     the seed's query executed by DuckDB, row by row: on 100 generated
#            sets (20 with --quick) and on a captured trail in ../shared/logs
#   ocsf     OCSF output against the OCSF schema
#
# What it needs goes into conformance/.peers. A check whose peer or logs are
# not to be had is named and counted as skipped, never as passed.
set -uo pipefail
cd "$(dirname "$0")/.."

sets=100
case "${1:-}" in
'') ;;
--quick) sets=20 ;;
*)
	echo "usage: conformance/run.sh [--quick]" >&2
	exit 2
	;;
esac

logs=../shared/logs
peers=conformance/.peers
python=$peers/venv/bin/python
mkdir -p "$peers"
passed=0 failed=() skipped=()

# check NAME COMMAND... runs a check and keeps its verdict.
check() {
	local name=$1
	shift
	echo "== $name"
	if "$@"; then
		passed=$((passed + 1))
	else
		failed+=("$name")
	fi
}

skip() {
	echo "== $1: SKIPPED: $2"
	skipped+=("$1 ($2)")
}

# package MODULE REQUIREMENT... makes a Python package importable.
package() {
	local module=$1
	shift
	"$python" -m pip --version >/dev/null 2>&1 || python3 -m venv --clear "$peers/venv" || return 1
	"$python" -c "import $module" 2>/dev/null || "$python" -m pip install -q --disable-pip-version-check "$@"
}

go build -trimpath -o "$peers/vedette" ./cmd/vedette || exit 1
vedette=$peers/vedette

if [ -d "$logs" ]; then
	check counts python3 conformance/counts.py "$logs" --vedette "$vedette"
else
	skip counts "no $logs"
fi

if package duckdb duckdb==1.5.6; then
	check "seed, generated sets" "$python" conformance/seed/oracle.py "$vedette" --sets "$sets"
	if [ -d "$logs/aws/invictus-ir__aws_dataset" ]; then
		check "seed, captured trail" "$python" conformance/seed/oracle.py "$vedette" \
			--trail "$logs/aws/invictus-ir__aws_dataset" --expect 297/13/90,142/20/90,33/11/70,26/4/50
	else
		skip "seed, captured trail" "no $logs"
	fi
else
	skip seed "DuckDB is not to be had"
fi

# ocsf scans a set that makes findings for certain.
ocsf() {
	local work
	work=$(mktemp -d "$peers/ocsf.XXXXXX") || return 1
	"$python" conformance/seed/sets.py 1 "$work/set" &&
		"$vedette" scan "$work/set" --format ocsf -o "$work/findings.ndjson" --quiet &&
		"$python" conformance/ocsf/ocsf.py check "$work/findings.ndjson"
	local status=$?
	rm -rf "$work"
	return $status
}
if package ocsf_json_schema -r conformance/ocsf/requirements.txt; then
	check ocsf ocsf
else
	skip ocsf "ocsf-json-schema is not to be had"
fi

echo
echo "conformance: $passed passed, ${#failed[@]} failed, ${#skipped[@]} skipped"
for f in "${failed[@]}"; do echo "  failed: $f"; done
for s in "${skipped[@]}"; do echo "  skipped: $s"; done
[ ${#failed[@]} = 0 ]
