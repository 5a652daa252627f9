#!/usr/bin/env bash
# Holds Vedette against programs and readers that share no code with it.
#
#   conformance/run.sh [--quick]
#
#   counts   every record of the logs in ../shared/logs, counted by counts.py
#   seed     the seed's query executed by DuckDB, row by row: on 100 generated
#            sets (20 with --quick) and on a captured trail in ../shared/logs
#   ocsf     OCSF output against the OCSF schema
#   kql      compiled KQL analysed by Microsoft's Kusto language service, and
#            executed by duckdb-kql: rows equal those of a scan
#   sql      compiled SQL executed by DuckDB, PostgreSQL, ClickHouse and Spark
#            (not with --quick): rows equal those of a scan; parsed by sqlglot
#            for Trino, Athena and BigQuery
#   yaral    compiled YARA-L read by two parsers; there is no engine to run it
#   logscale compiled LogScale queries parsed by the tree-sitter grammar of
#            logscale-tools; its trees, executed by what the vendor's function
#            reference says of them, give the rows of a scan
#   sigma    compiled Sigma read, validated and converted by pySigma and its
#            backends with correlations; executed by its SQLite backend, and by
#            rsigma (built with cargo; with --quick only where it is there):
#            callers that alert are those of a scan
#   hunt     vedette hunt through the clients of DuckDB, PostgreSQL, ClickHouse
#            (its engine, by chDB) and, not with --quick, Trino, Trino in
#            Athena's dialect, and Spark: rows equal those of a scan; with the
#            statements and commands of docs/hunt.md
#
# What it needs goes into conformance/.peers. A check whose peer or logs are
# not to be had is named and counted as skipped, never as passed.
set -uo pipefail
cd "$(dirname "$0")/.."

sets=100 engines=duckdb,postgresql,clickhouse,spark siemsets=200 kqlsets=30 logscalesets=30 sigmasets=40 huntsets=20 few= hunted=(duckdb psql clickhouse trino athena spark-sql)
case "${1:-}" in
'') ;;
--quick)
	sets=20 engines=duckdb,postgresql,clickhouse siemsets=25 kqlsets=4 logscalesets=3 sigmasets=5
	huntsets=5 hunted=(duckdb psql clickhouse) few=--few
	;;
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

# A trail that nobody here wrote, where it is at hand.
trail=()
[ -d "$logs/aws/invictus-ir__aws_dataset" ] && trail=(--trail "$logs/aws/invictus-ir__aws_dataset")

# kql_texts checks every form in which KQL is compiled.
kql_texts() {
	local work window identity extra n=0
	work=$(mktemp -d "$peers/kql.XXXXXX") || return 1
	for window in tumbling overlapping; do
		for identity in principal session; do
			for extra in "" --no-dedup --include-services "--cloud aws" "--cloud azure" "--cloud gcp"; do
				n=$((n + 1))
				# shellcheck disable=SC2086
				"$vedette" compile T1580 -t kusto --window $window --identity $identity $extra -o "$work/$n" >/dev/null || return 1
			done
			"$vedette" compile T1580 T1087.004 -t kusto --window $window --identity $identity -o "$work/package-$n" --package --format json >"$work/package.json" &&
				python3 -c 'import json, sys
for r in json.load(open(sys.argv[1])):
    open(sys.argv[2] + "-" + r["rule"] + ".kql", "w").write(r["query"])' "$work/package.json" "$work/package-$n" || return 1
		done
	done
	"$vedette" compile T1580 --profile seed -t kusto -o "$work/seed" >/dev/null &&
		find "$work" -name '*.kql' -print0 | xargs -0 node conformance/siem/kql_check.js "$peers/kql/node_modules"
	local status=$?
	rm -rf "$work"
	return $status
}
if command -v node >/dev/null && npm install --silent --no-audit --no-fund --prefix "$peers/kql" @kusto/language-service-next@12.4.1 >/dev/null 2>&1; then
	check "kql, language service" kql_texts
else
	skip "kql, language service" "Node.js or its package is not to be had"
fi

# duckdb-kql needs another DuckDB than the other checks.
kqlpython=$peers/kql-venv/bin/python
if "$kqlpython" -c 'import duckdb_kql' 2>/dev/null || { python3 -m venv --clear "$peers/kql-venv" && "$kqlpython" -m pip install -q --disable-pip-version-check duckdb-kql==1.1.2 duckdb==2.0.0; }; then
	check "kql, executed" "$kqlpython" conformance/siem/kql.py "$vedette" --sets "$kqlsets" --cases testdata/cases "${trail[@]}"
else
	skip "kql, executed" "duckdb-kql is not to be had"
fi

if package chdb chdb && package psycopg2 psycopg2-binary && { [ "${engines%spark}" = "$engines" ] || package pyspark pyspark || engines=${engines%,spark}; }; then
	check "sql, executed" "$python" conformance/siem/sql.py "$vedette" --sets "$siemsets" --engines "$engines" --cases testdata/cases "${trail[@]}"
else
	skip "sql, executed" "chdb or psycopg2 is not to be had"
fi
if package sqlglot sqlglot==30.30.0; then
	check "sql, parsed" "$python" conformance/siem/parse.py "$vedette"
else
	skip "sql, parsed" "sqlglot is not to be had"
fi

if package tree_sitter_yaral tree-sitter==0.26.1 tree-sitter-yaral==0.1.0 && package yaraast yaraast==2.1.0; then
	check "yaral, parsed" "$python" -W ignore conformance/siem/yaral.py "$vedette"
else
	skip "yaral, parsed" "tree-sitter-yaral or yaraast is not to be had"
fi

# logscale_grammar builds the grammar that logscale-tools carries as C; the
# package itself asks for a newer Python than there may be.
logscale_grammar() {
	local dir=$peers/logscale
	[ -f "$dir/grammar.so" ] && return
	mkdir -p "$dir" &&
		"$python" -m pip download -q --disable-pip-version-check --no-deps --only-binary :all: --python-version 3.14 -d "$dir" logscale-tools==0.1.8 &&
		"$python" -m zipfile -e "$dir"/logscale_tools-0.1.8-*.whl "$dir" &&
		cc -shared -fPIC -O1 -I "$dir/logscale_query_language/grammar_src" -o "$dir/grammar.so" "$dir"/logscale_query_language/grammar_src/{parser,scanner}.c
}
if command -v cc >/dev/null && package tree_sitter tree-sitter==0.26.1 && package yaml pyyaml && logscale_grammar; then
	check logscale "$python" conformance/siem/logscale.py "$vedette" "$peers/logscale/grammar.so" --sets "$logscalesets" --cases testdata/cases --examples examples "${trail[@]}"
else
	skip logscale "a C compiler, tree-sitter or logscale-tools is not to be had"
fi

sigmapython=$peers/sigma-venv/bin/python
if "$sigmapython" -c 'import sigma.backends.splunk, sigma.backends.loki, sigma.validators.sigmahq' 2>/dev/null || { python3 -m venv --clear "$peers/sigma-venv" && "$sigmapython" -m pip install -q --disable-pip-version-check -r conformance/siem/sigma-requirements.txt; }; then
	check "sigma, pySigma" "$sigmapython" conformance/siem/sigma_check.py "$vedette"
else
	skip "sigma, pySigma" "pySigma or its backends are not to be had"
fi

# The SQLite backend needs another pySigma than the others.
sigmapython=$peers/sigma-sqlite-venv/bin/python
rsigma=$peers/rsigma/bin/rsigma
if [ ! -x "$rsigma" ] && [ "${1:-}" != --quick ] && command -v cargo >/dev/null; then
	cargo install --quiet rsigma --version 0.23.0 --locked --no-default-features --features rsigma-runtime --root "$peers/rsigma"
fi
with=()
[ -x "$rsigma" ] && with=(--rsigma "$rsigma" "${trail[@]}")
if "$sigmapython" -c 'import sigma.backends.sqlite' 2>/dev/null || { python3 -m venv --clear "$peers/sigma-sqlite-venv" && "$sigmapython" -m pip install -q --disable-pip-version-check pysigma==2.0.1 pysigma-backend-sqlite==2.1.1; }; then
	check "sigma, executed" "$sigmapython" conformance/siem/sigma_run.py "$vedette" --sets "$sigmasets" --cases testdata/cases "${with[@]}"
else
	skip "sigma, executed" "pySigma or its SQLite backend is not to be had"
fi
[ -x "$rsigma" ] || skip "sigma, executed by rsigma" "rsigma is not to be had"

# trino_peer puts Trino's server, without connectors but memory's, and its
# client into $peers/trino.
trino_peer() {
	[ -d "$peers/trino/plugin/memory" ] && return 0
	command -v mvn >/dev/null || return 1
	local got=$peers/trino-got artifact
	rm -rf "$got" "$peers/trino"
	for artifact in trino-cli:476:jar:executable trino-server-core:476:tar.gz trino-memory:476:zip; do
		mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy "-Dartifact=io.trino:$artifact" "-DoutputDirectory=$PWD/$got" >/dev/null 2>&1 || return 1
	done
	mkdir -p "$peers/trino" && tar xzf "$got"/trino-server-core-476.tar.gz -C "$peers/trino" --strip-components=1 &&
		mv "$got"/trino-cli-476-executable.jar "$peers/trino/trino-cli.jar" &&
		python3 -m zipfile -e "$got"/trino-memory-476.zip "$got" && mv "$got/trino-memory-476" "$peers/trino/plugin/memory"
	local status=$?
	rm -rf "$got"
	return $status
}

# hunt ENGINE runs the check of one engine; 77 says that it is not to be had.
hunt() {
	echo "== hunt, $1"
	# shellcheck disable=SC2086
	"$python" conformance/siem/hunt.py "$vedette" --sets "$huntsets" $few --cases testdata/cases --docs docs/hunt.md --trino "$peers/trino" --engines "$1"
	case $? in
	0) passed=$((passed + 1)) ;;
	77) skipped+=("hunt, $1 (not to be had)") ;;
	*) failed+=("hunt, $1") ;;
	esac
}
for engine in "${hunted[@]}"; do
	case $engine in
	duckdb) package duckdb_cli duckdb-cli==1.5.6 ;;
	psql) package psycopg2 psycopg2-binary ;;
	clickhouse) package chdb chdb ;;
	trino | athena) trino_peer ;;
	spark-sql) package pyspark pyspark ;;
	esac
	hunt "$engine"
done

echo
echo "conformance: $passed passed, ${#failed[@]} failed, ${#skipped[@]} skipped"
for f in "${failed[@]}"; do echo "  failed: $f"; done
for s in "${skipped[@]}"; do echo "  skipped: $s"; done
[ ${#failed[@]} = 0 ]
