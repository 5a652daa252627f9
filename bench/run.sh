#!/usr/bin/env bash
# Measures Vedette against its peers and writes the table: bench/RESULTS.md.
#
#   bench/run.sh [--scale 0.1] [--runs 5] [--only big,small,growth,many] [--check] [--out FILE]
#
# BENCH_DATA is where the generated logs go and stay (about 1.5 GB at full
# size; default: a folder in $TMPDIR). igzip is Debian's package isal; as root
# it is installed if it is absent.
set -euo pipefail
cd "$(dirname "$0")/.."

data=${BENCH_DATA:-${TMPDIR:-/tmp}/vedette-bench}
peers=bench/.peers
mkdir -p "$data" "$peers"

go build -trimpath -o "$peers/vedette" ./cmd/vedette
go build -trimpath -o "$peers/gen" ./bench/gen

if ! command -v igzip >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	apt-get update -qq && apt-get install -y -qq isal >/dev/null || true
fi

# DuckDB 1.5.6 reads such files several times faster than 2.0.0 does, and the
# faster peer is the one to be measured against.
if ! "$peers/venv/bin/python" -c 'import duckdb' 2>/dev/null; then
	python3 -m venv --clear "$peers/venv"
	"$peers/venv/bin/pip" install -q --disable-pip-version-check duckdb==1.5.6 || true
fi

exec "$peers/venv/bin/python" bench/measure.py --vedette "$peers/vedette" --gen "$peers/gen" --data "$data" --out bench/RESULTS.md "$@"
