#!/usr/bin/env bash
# Holds Vedette against programs and readers that share no code with it.
#
#   conformance/run.sh [--quick] [--only TEXT]
#
#   counts   every record of the logs in ../shared/logs, counted by counts.py
#   parquet  the examples as DuckDB types them and writes them to Parquet: findings
#            and copies are those of the JSON
#   seed     the seed's query executed by DuckDB, row by row: on 100 generated
#            sets (20 with --quick) and on a captured trail in ../shared/logs
#   ocsf     OCSF output against the OCSF schema
#   report   pages opened in Chromium: no message on the console, no request, no
#            serious violation that axe-core knows, nothing cut off at three
#            widths, and a million events open in 2 s; the examples, the Invictus
#            logs where they are, and generated logs
#   kusto    KQL analysed by Microsoft's Kusto language service, and executed
#            by duckdb-kql: rows equal those of a scan; packages read by the
#            models of Azure's SDK
#   elastic  ES|QL parsed by Elasticsearch's grammar; EQL parsed and executed
#            by Python eql: identities and accounts equal those of a scan;
#            rules read by kibana-py and opentide
#   splunk   packages validated and built by contentctl, inspected by AppInspect
#   quoting  names that try to leave their quotes, in each language with a parser
#   sql      executed by DuckDB, PostgreSQL, ClickHouse, and not with --quick by
#            Spark and Flink: rows equal those of a scan, packages run; parsed
#            by sqlglot for Trino, Athena and BigQuery
#   yaral    read by two parsers; there is no engine to run it
#   logscale parsed by the tree-sitter grammar of logscale-tools; its trees,
#            executed by what the vendor's function reference says of them, give
#            the rows of a scan
#   sigma    read, validated and converted by pySigma and its backends with
#            correlations; executed by its SQLite backend, and by rsigma (built
#            with cargo; with --quick only where it is there): callers that
#            alert are those of a scan
#   hunt     vedette hunt through the clients of DuckDB, PostgreSQL, ClickHouse
#            (its engine, by chDB) and, not with --quick, Trino, Trino in
#            Athena's dialect, and Spark: rows equal those of a scan; with the
#            statements and commands of docs/hunt.md. Hunting questions by the
#            same clients: rows equal those of a hunt over files
#   playbook every command of every playbook read by the AWS CLI and, not with
#            --quick, by the Azure CLI and gcloud; policies by parliament
#   hub      the page of vedette hub in Chromium: no message on the console, no
#            request, no serious violation that axe-core knows, nothing cut off
#            at three widths in light and dark
#   rehearse attack tests played by the real clients against stand-ins; the
#            quick part by the AWS CLI and boto3; and a live rehearsal, from
#            the calls to the finding
#
# A check is named "targets | part | checker", which is its row in the table:
# the whole run writes conformance/RESULTS.md, one with --only the rows of its part. What has no checker outside is
# read by a strict reader of our own and stands there as unverified. With --only
# no checks run but those whose names have that text.
#
# What it needs goes into conformance/.peers. A check whose peer or logs are
# not to be had is named and counted as skipped, never as passed.
set -uo pipefail
cd "$(dirname "$0")/.."

whole=yes only='' sets=100 siemsets=200 kqlsets=30 eqlsets=100 logscalesets=30 sigmasets=40
huntsets=20 few='' hunted=(duckdb psql clickhouse trino athena spark-sql)
while [ $# -gt 0 ]; do
	case "$1" in
	--quick)
		whole='' sets=20 siemsets=25 kqlsets=4 eqlsets=20 logscalesets=3 sigmasets=5
		huntsets=5 few=--few hunted=(duckdb psql clickhouse)
		;;
	--only) only=${2:?--only needs a text} && shift ;;
	*)
		echo "usage: conformance/run.sh [--quick] [--only TEXT]" >&2
		exit 2
		;;
	esac
	shift
done

logs=../shared/logs
peers=conformance/.peers
mkdir -p "$peers"
passed=0 failed=() skipped=() rows=()

wanted() { [[ $1 == *"$only"* ]]; }

# check NAME COMMAND... runs a check and keeps its verdict; 77 says that the
# peer is not to be had.
check() {
	verdict passed "$@"
}

# unverified NAME COMMAND... is a check by a reader that is our own.
unverified() {
	verdict unverified "$@"
}

verdict() {
	local good=$1 name=$2
	shift 2
	wanted "$name" || return 0
	echo "== $name"
	"$@"
	case $? in
	0)
		passed=$((passed + 1))
		rows+=("$name | $good")
		;;
	77) skip "$name" "it is not to be had" ;;
	*)
		failed+=("$name")
		rows+=("$name | **failed**")
		;;
	esac
}

skip() {
	wanted "$1" || return 0
	echo "== $1: SKIPPED: $2"
	skipped+=("$1 ($2)")
	rows+=("$1 | skipped: $2")
}

# venv NAME MODULE REQUIREMENT... has $python import a module, in a virtual
# environment of that name.
venv() {
	local name=$1 module=$2
	shift 2
	python=$peers/$name/bin/python
	"$python" -m pip --version >/dev/null 2>&1 || python3 -m venv --clear "$peers/$name" || return 1
	"$python" -c "import $module" 2>/dev/null || "$python" -m pip install -q --disable-pip-version-check "$@"
}

# queries DIR ARGUMENT... compiles and puts the queries into DIR. A rule that is
# not compiled is a fault.
queries() {
	local dir=$1
	shift
	mkdir -p "$dir" && "$vedette" compile "$@" -o "$dir/files" --format json >"$dir/results.json" &&
		python3 conformance/siem/queries.py "$dir/results.json" "$dir"
}

go build -trimpath -o "$peers/vedette" ./cmd/vedette || exit 1
vedette=$peers/vedette

# A trail that nobody here wrote, where it is at hand.
captured=$logs/aws/invictus-ir__aws_dataset
trail=()
[ -d "$captured" ] && trail=(--trail "$captured")

if [ -d "$logs" ]; then
	check "scan | counts of captured logs | counts.py" python3 conformance/counts.py "$logs" --vedette "$vedette"
else
	skip "scan | counts of captured logs | counts.py" "no $logs"
fi

name="scan --profile seed"
if venv venv duckdb duckdb==1.5.6; then
	check "scan | Parquet of the examples | DuckDB 1.5.6" "$python" conformance/parquet/tables.py "$vedette" examples
	check "$name | generated sets | DuckDB 1.5.6" "$python" conformance/seed/oracle.py "$vedette" --sets "$sets"
	if [ -d "$captured" ]; then
		check "$name | captured trail | DuckDB 1.5.6" "$python" conformance/seed/oracle.py "$vedette" \
			--trail "$captured" --expect 297/13/90,142/20/90,33/11/70,26/4/50
	else
		skip "$name | captured trail | DuckDB 1.5.6" "no $logs"
	fi
else
	skip "scan | Parquet of the examples | DuckDB 1.5.6" "it is not to be had"
	skip "$name | generated sets | DuckDB 1.5.6" "it is not to be had"
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
name="scan --format ocsf | output | ocsf-json-schema"
if venv venv ocsf_json_schema -r conformance/ocsf/requirements.txt; then
	check "$name" ocsf
else
	skip "$name" "it is not to be had"
fi

# browsed opens reports in a browser. Screenshots stay in $peers/report/shots.
browsed() {
	local work status
	work=$(mktemp -d "$peers/report/work.XXXXXX") || return 1
	"$vedette" report examples -q -o "$work/examples.html" &&
		if [ -d "$logs/aws/invictus-ir__aws_dataset" ]; then
			"$vedette" report "$logs/aws/invictus-ir__aws_dataset" -q -o "$work/invictus.html"
		fi &&
		go run ./bench/gen -out "$work/logs" -each "$calls" -principals 200 -level 1 >/dev/null &&
		"$vedette" report "$work/logs" -q -o "$work/generated.html" &&
		[ "$(wc -c <"$work/generated.html")" -lt 5000000 ] &&
		node conformance/report/browser.mjs "$peers/report/node_modules" "$browser" "$peers/report/shots" 2000 "$work"/*.html
	status=$?
	rm -rf "$work"
	return $status
}
name="report | page | Chromium, axe-core 4.14.1"
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
calls=5000
[ -n "$whole" ] || calls=250
if ! wanted "$name"; then
	:
elif [ -n "$browser" ] && command -v node >/dev/null &&
	PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm install --silent --no-audit --no-fund --prefix "$peers/report" playwright-core@1.65.1 axe-core@4.14.1 >/dev/null 2>&1; then
	check "$name" browsed
else
	skip "$name" "Node.js, its packages or a browser is not to be had"
fi

# hostile TARGET... puts names that try to leave their quotes into queries.
hostile() {
	local work
	work=$(mktemp -d "$peers/hostile.XXXXXX") || return 1
	"$python" conformance/siem/hostile.py "$vedette" "$work" "$@" &&
		{ [ "$1" != kusto ] || node conformance/siem/kql_check.js "$peers/kql/node_modules" "$work"/*.kql; }
	local status=$?
	rm -rf "$work"
	return $status
}

# kql_texts checks every form in which KQL is compiled.
kql_texts() {
	local work window identity extra n=0
	work=$(mktemp -d "$peers/kql.XXXXXX") || return 1
	for window in tumbling overlapping; do
		for identity in principal session; do
			for extra in "" --no-dedup --include-services "--cloud aws" "--cloud azure" "--cloud gcp"; do
				n=$((n + 1))
				set -- T1580 T1087.004 -t kusto --window $window --identity $identity
				# T1087.004 does not read each cloud.
				[ "${extra#--cloud}" = "$extra" ] || set -- T1580 "${@:3}"
				# shellcheck disable=SC2086
				queries "$work/$n" "$@" $extra && queries "$work/package-$n" "$@" $extra --package || return 1
			done
		done
	done
	queries "$work/seed" T1580 --profile seed -t kusto &&
		find "$work" -name '*.kql' -print0 | xargs -0 node conformance/siem/kql_check.js "$peers/kql/node_modules"
	local status=$?
	rm -rf "$work"
	return $status
}
# kql_questions checks every hunting question in KQL.
kql_questions() {
	local work ids
	work=$(mktemp -d "$peers/kql.XXXXXX") || return 1
	ids=$("$vedette" hunt --list -f json | python3 -c 'import json, sys; print(",".join(q["id"] for q in json.load(sys.stdin)))') &&
		"$vedette" compile --question "$ids" -t kusto -o "$work" >/dev/null &&
		find "$work" -name '*.kql' -print0 | xargs -0 node conformance/siem/kql_check.js --questions "$peers/kql/node_modules"
	local status=$?
	rm -rf "$work"
	return $status
}
name="kusto | query | @kusto/language-service-next 12.4.1"
if command -v node >/dev/null && npm install --silent --no-audit --no-fund --prefix "$peers/kql" @kusto/language-service-next@12.4.1 >/dev/null 2>&1; then
	check "$name" kql_texts
	check "kusto | questions | @kusto/language-service-next 12.4.1" kql_questions
	python=python3 check "kusto | quoting | @kusto/language-service-next 12.4.1" hostile kusto
else
	skip "$name" "Node.js or its package is not to be had"
fi

# answering DIR writes the trails that answer the hunting questions.
answering() { go test ./internal/cli -count=1 -run 'TestQuestionsAreAnswered$' -question-trails "$PWD/$1" >/dev/null; }

questions_in_kql() {
	local work
	work=$(mktemp -d "$peers/questions.XXXXXX") || return 1
	answering "$work" && "$python" conformance/siem/kql.py "$vedette" --questions "$work"
	local status=$?
	rm -rf "$work"
	return $status
}

# duckdb-kql needs another DuckDB than the other checks.
name="kusto | query, executed | duckdb-kql 1.1.2"
if venv kql-venv duckdb_kql duckdb-kql==1.1.2 duckdb==2.0.0; then
	check "$name" "$python" conformance/siem/kql.py "$vedette" --sets "$kqlsets" --cases testdata/cases "${trail[@]}"
	check "kusto | questions, executed | duckdb-kql 1.1.2" questions_in_kql
else
	skip "$name" "it is not to be had"
fi

name="kusto | package | azure-mgmt-securityinsight 2.0.0b2"
if venv azure-venv azure.mgmt.securityinsight azure-mgmt-securityinsight==2.0.0b2 pyyaml==6.0.3; then
	check "$name" "$python" conformance/siem/sentinel.py "$vedette"
else
	skip "$name" "it is not to be had"
fi

name="elastic | query | esql-parser 9.1.3; eql 1.0.1, executed"
if venv elastic-venv "esql_parser, eql" esql-parser==9.1.3 eql==1.0.1; then
	check "$name" "$python" conformance/siem/elastic.py "$vedette" --sets "$eqlsets"
	check "elastic | quoting | esql-parser 9.1.3, eql 1.0.1" hostile esql eql
else
	skip "$name" "one of them is not to be had"
fi

name="elastic | package | kibana-py 0.6.0, opentide 0.17.2"
if venv opentide-venv "kibana, opentide" kibana-py==0.6.0 opentide==0.17.2; then
	check "$name" "$python" conformance/siem/elastic_rules.py "$vedette"
else
	skip "$name" "one of them is not to be had"
fi

name="splunk | package | contentctl 5.6.2, splunk-appinspect 4.3.1, splint-spl 0.1.0"
if venv contentctl-venv contentctl contentctl==5.6.2 && venv appinspect-venv "splunk_appinspect, splint" splunk-appinspect==4.3.1 splint-spl==0.1.0; then
	check "$name" python3 conformance/siem/splunk.py "$vedette" "$peers/contentctl-venv/bin/contentctl" "$peers/appinspect-venv/bin/splunk-appinspect" "$peers/appinspect-venv/bin/splint"
else
	skip "$name" "one of them is not to be had"
fi
unverified "splunk | query | reader of our own, internal/siem/splunk" go test -count=1 ./internal/siem/splunk

# sql_executed ENGINE CHECKER [OPTION]... executes statements on one engine.
sql_executed() {
	local engine=$1 name="sql:$1 | query, package; executed | $2"
	shift 2
	wanted "$name" || return 0
	check "$name" "$python" conformance/siem/sql.py "$vedette" --engines "$engine" --cases testdata/cases "$@"
}
if venv venv "chdb, psycopg2" chdb==4.4.0 psycopg2-binary==2.9.13; then
	server=$(command -v postgres || ls /usr/lib/postgresql/*/bin/postgres 2>/dev/null | tail -1)
	sql_executed duckdb "DuckDB 1.5.6" --sets "$siemsets" "${trail[@]}"
	sql_executed clickhouse "ClickHouse, chdb 4.4.0" --sets "$siemsets" "${trail[@]}"
	if [ -n "$server" ]; then
		sql_executed postgresql "$("$server" --version | sed 's/^postgres (\(PostgreSQL\))/\1/; s/ (.*//')" --sets "$siemsets" "${trail[@]}"
	else
		skip "sql:postgresql | query, package; executed | PostgreSQL" "there is no server"
	fi
else
	skip "sql:duckdb, sql:postgresql, sql:clickhouse | query, package; executed | chdb, psycopg2" "one of them is not to be had"
fi
if [ -n "$whole" ]; then
	if command -v java >/dev/null && venv spark-venv pyspark pyspark==4.3.0; then
		sql_executed spark "Spark 4.3.0" --sets "$siemsets" "${trail[@]}"
	else
		skip "sql:spark | query, package; executed | Spark 4.3.0" "Java or pyspark is not to be had"
	fi
	# Flink takes seconds to plan a statement.
	if command -v java >/dev/null && venv flink-venv pyflink apache-flink==2.3.0; then
		sql_executed flink "Flink 2.3.0" --sets 50
	else
		skip "sql:flink | query, package; executed | Flink 2.3.0" "Java or apache-flink is not to be had"
	fi
fi
name="sql:athena, sql:bigquery, sql:trino | query, package; parsed | sqlglot 30.30.0"
if venv venv sqlglot sqlglot==30.30.0; then
	check "$name" "$python" conformance/siem/parse.py "$vedette"
	dialects=(sql:athena sql:bigquery sql:clickhouse sql:duckdb sql:postgresql sql:spark sql:trino)
	check "$(printf '%s, ' "${dialects[@]:0:6}")${dialects[6]} | quoting | sqlglot 30.30.0" hostile "${dialects[@]}"
else
	skip "$name" "it is not to be had"
fi

for target in qradar sumo; do
	unverified "$target | query, package | reader of our own, internal/siem/$target" go test -count=1 "./internal/siem/$target"
done

name="yaral | query | tree-sitter-yaral 0.1.0, yaraast 2.1.0"
if venv yaral-venv "tree_sitter_yaral, yaraast" tree-sitter==0.26.1 tree-sitter-yaral==0.1.0 yaraast==2.1.0; then
	check "$name" "$python" -W ignore conformance/siem/yaral.py "$vedette"
else
	skip "$name" "one of them is not to be had"
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
name="logscale | query | grammar of logscale-tools 0.1.8, executed by a reader of our own"
if command -v cc >/dev/null && venv logscale-venv "tree_sitter, yaml" tree-sitter==0.26.1 pyyaml && logscale_grammar; then
	check "$name" "$python" conformance/siem/logscale.py "$vedette" "$peers/logscale/grammar.so" --sets "$logscalesets" --cases testdata/cases --examples examples "${trail[@]}"
else
	skip "$name" "a C compiler, tree-sitter or logscale-tools is not to be had"
fi

name="sigma | query, package | pySigma 1.5.1, its validators and five backends"
if venv sigma-venv "sigma.backends.splunk, sigma.backends.loki, sigma.validators.sigmahq" -r conformance/siem/sigma-requirements.txt; then
	check "$name" "$python" conformance/siem/sigma_check.py "$vedette"
else
	skip "$name" "one of them is not to be had"
fi
# The SQLite backend needs another pySigma than the others.
rsigma=$peers/rsigma/bin/rsigma
if [ ! -x "$rsigma" ] && [ -n "$whole" ] && wanted sigma && command -v cargo >/dev/null; then
	cargo install --quiet rsigma --version 0.23.0 --locked --no-default-features --features rsigma-runtime --root "$peers/rsigma"
fi
with=() engines="pySigma's SQLite backend 2.1.1"
[ -x "$rsigma" ] && with=(--rsigma "$rsigma" "${trail[@]}") engines="$engines, rsigma 0.23.0"
name="sigma | query, executed | $engines"
if venv sigma-sqlite-venv sigma.backends.sqlite pysigma==2.0.1 pysigma-backend-sqlite==2.1.1; then
	check "$name" "$python" conformance/siem/sigma_run.py "$vedette" --sets "$sigmasets" --cases testdata/cases "${with[@]}"
else
	skip "$name" "it is not to be had"
fi
[ -x "$rsigma" ] || skip "sigma | query, executed | rsigma 0.23.0" "it is not to be had"

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

# hunt ENGINE CLIENT VENV MODULE REQUIREMENT... runs the check of one engine.
hunt() {
	local engine=$1 name="hunt --engine $1 | rows | $2"
	shift 2
	wanted "$name" || return 0
	case " ${hunted[*]} " in *" $engine "*) ;; *) return 0 ;; esac
	if venv "$@" && { [[ $engine != trino && $engine != athena ]] || trino_peer; }; then
		# shellcheck disable=SC2086
		check "$name" "$python" conformance/siem/hunt.py "$vedette" --sets "$huntsets" $few --cases testdata/cases --docs docs/hunt.md --trino "$peers/trino" --engines "$engine"
	else
		skip "$name" "it is not to be had"
	fi
}
# questions ENGINE CLIENT VENV MODULE REQUIREMENT... asks the hunting questions
# of one engine, over the trails that answer them and others.
questions() {
	local engine=$1 name="hunt --engine $1 | questions | $2" trails
	shift 2
	wanted "$name" || return 0
	case " ${hunted[*]} " in *" $engine "*) ;; *) return 0 ;; esac
	if venv "$@" && { [[ $engine != trino && $engine != athena ]] || trino_peer; }; then
		trails=$(mktemp -d "$peers/questions.XXXXXX") || return 1
		if answering "$trails"; then
			# shellcheck disable=SC2086
			check "$name" "$python" conformance/siem/questions.py "$vedette" --sets "$huntsets" $few --trails "$trails" --examples examples --trino "$peers/trino" --engines "$engine"
		else
			check "$name" false # the questions are not answered over files
		fi
		rm -rf "$trails"
	else
		skip "$name" "it is not to be had"
	fi
}
questions duckdb "duckdb-cli 1.5.6" venv "duckdb, duckdb_cli" duckdb==1.5.6 duckdb-cli==1.5.6
questions psql "psql" venv psycopg2 psycopg2-binary==2.9.13
questions clickhouse "chDB 4.4.0 in place of the client" venv chdb chdb==4.4.0
questions trino "Trino 476" venv duckdb duckdb==1.5.6
questions athena "Trino 476, in Athena's dialect" venv duckdb duckdb==1.5.6
questions spark-sql "Spark 4.3.0" spark-venv pyspark pyspark==4.3.0
hunt duckdb "duckdb-cli 1.5.6" venv "duckdb, duckdb_cli" duckdb==1.5.6 duckdb-cli==1.5.6
hunt psql "psql" venv psycopg2 psycopg2-binary==2.9.13
hunt clickhouse "chDB 4.4.0 in place of the client" venv chdb chdb==4.4.0
hunt trino "Trino 476" venv duckdb duckdb==1.5.6
hunt athena "Trino 476, in Athena's dialect" venv duckdb duckdb==1.5.6
hunt spark-sql "Spark 4.3.0" spark-venv pyspark pyspark==4.3.0

# playbook PROGRAM PATH CLIENT has a client read the commands of playbooks.
playbook() {
	local name="playbook | commands | $3"
	wanted "$name" || return 0
	if command -v "$2" >/dev/null; then
		check "$name" python3 conformance/playbook/check.py "$vedette" "$1=$2"
	else
		skip "$name" "it is not to be had"
	fi
}
if wanted "playbook |"; then
	sh internal/rehearse/setup.sh "$peers/rehearse" --only "aws${whole:+,azure}"
	playbook aws "$peers/rehearse/aws/bin/aws" "AWS CLI 1.45.11"
	if [ -n "$whole" ]; then
		playbook az "$peers/rehearse/azure/bin/az" "Azure CLI 2.91.0"
		playbook gcloud gcloud "gcloud"
	fi
	name="playbook | policies | parliament 1.6.4"
	if venv playbook-venv parliament parliament==1.6.4 "setuptools<81"; then
		check "$name" "$python" conformance/playbook/check.py "$vedette" policies
	else
		skip "$name" "it is not to be had"
	fi
fi

# rehearse PROGRAM holds what is found in the runs of the attack tests that need
# a program against what each must come to. What was skipped counts as skipped,
# never as passed.
rehearse() {
	"$vedette" rehearse verify --needs "$1" "${quickly[@]}" -o "$peers/rehearsal" --format json --output "$peers/rehearsal.json"
	local status=$?
	"$vedette" rehearse verify --needs "$1" "${quickly[@]}" -o "$peers/rehearsal" | sed '/^$/q'
	[ "$status" = 0 ] || return 1
	! grep -q '"status": "skipped"' "$peers/rehearsal.json" || return 77
}
if wanted "rehearse |"; then
	if [ -n "$whole" ]; then
		quickly=() install=aws,pacu,scoutsuite,azure,google
		clients=(pacu "Pacu 1.7.0" scout "ScoutSuite 5.14.0" prowler "Prowler 5.46.0" az "Azure CLI 2.91.0" gcloud "gcloud" google-python "google-auth 2.63.0")
	else
		quickly=(--quick) install=aws clients=()
	fi
	clients=(nothing "recipes" aws "AWS CLI 1.45.11" python3 "boto3 1.43.11" "${clients[@]}")
	sh internal/rehearse/setup.sh "$peers/rehearse" --only "$install"
	rm -rf "$peers/rehearsal"
	"$vedette" rehearse run all "${quickly[@]}" -o "$peers/rehearsal" --tools "$peers/rehearse"
	for ((i = 0; i < ${#clients[@]}; i += 2)); do
		check "rehearse | ${clients[i]} | ${clients[i + 1]}" rehearse "${clients[i]}"
	done
	if [ -x "$peers/rehearse/aws/bin/python" ]; then
		check "rehearse --live | from call to finding | moto 5.2.1 behind vedette record" python3 conformance/rehearse/live.py "$vedette" "$peers/rehearse/aws/bin/python"
	else
		skip "rehearse --live | from call to finding | moto 5.2.1 behind vedette record" "it is not to be had"
	fi
	if [ -n "$whole" ]; then
		"$vedette" rehearse verify -o "$peers/rehearsal" --format json --output docs/rehearsal.json
		"$vedette" rehearse verify -o "$peers/rehearsal" --format markdown | python3 conformance/rehearse/page.py docs/rehearsal.md
	fi
fi

# hub_page opens the hub's page in a real browser.
hub_page() {
	local page=$peers/hub.html
	"$vedette" hub -f html -o "$page" &&
		node conformance/report/browser.mjs "$peers/report/node_modules" "$browser" "$peers/report/shots" 2000 "$page"
}
name="hub | page | Chromium, axe-core 4.14.1"
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
if ! wanted "$name"; then
	:
elif [ -n "$browser" ] && command -v node >/dev/null &&
	PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm install --silent --no-audit --no-fund --prefix "$peers/report" playwright-core@1.65.1 axe-core@4.14.1 >/dev/null 2>&1; then
	check "$name" hub_page
else
	skip "$name" "Node.js, its packages or a browser is not to be had"
fi

# results writes the table of a whole run, or the rows of a part of one. A
# target without a row has had no check.
results() {
	local target anew=()
	[ -n "$only" ] || anew=(--anew)
	{
		for row in "${rows[@]}"; do echo "$row"; done
		if [ -z "$only" ]; then
			for target in $("$vedette" compile T1580 -t all -f json -o "$peers/all" | python3 -c 'import json, sys; print(*sorted({r["target"] for r in json.load(sys.stdin)}))'); do
				printf '%s\n' "${rows[@]}" | cut -d'|' -f1 | grep -qE "(^|[ ,])$target([ ,]|$)" || echo "$target | query, package | none | unverified"
			done
		fi
	} | python3 conformance/results.py conformance/RESULTS.md "$(git rev-parse --short HEAD 2>/dev/null || echo unknown)" "$(date -u +%F), $(go version | cut -d' ' -f3)" "${anew[@]}"
}
if [ -n "$whole" ] && [ ${#rows[@]} -gt 0 ]; then
	results
fi

echo
echo "conformance: $passed passed, ${#failed[@]} failed, ${#skipped[@]} skipped"
for f in "${failed[@]}"; do echo "  failed: $f"; done
for s in "${skipped[@]}"; do echo "  skipped: $s"; done
[ ${#failed[@]} = 0 ]
