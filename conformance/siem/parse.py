"""Parses compiled SQL with sqlglot, in the dialects that do not run here, and
checks the columns of the result.

    parse.py VEDETTE
"""

import itertools
import subprocess
import sys

import sqlglot

from trails import compiled

COLUMNS = ["TimeGenerated", "CloudProvider", "Identity", "AccountId", "DiscoveryCount", "DistinctAPIs", "APIList", "DistinctRegions", "SourceIPs",
           "FirstSeen", "LastSeen", "RiskScore"]


def main():
    vedette, n, failed = sys.argv[1], 0, 0
    for wrong in ("SELECT FROM WHERE", "WITH a AS (SELECT 1 SELECT 2"):
        try:
            sqlglot.parse_one(wrong, read="trino")
            sys.exit(f"the parser takes {wrong}")
        except sqlglot.errors.ParseError:
            pass
    for dialect, window, identity, profile in itertools.product(
            ("duckdb", "postgresql", "clickhouse", "spark", "trino", "athena", "bigquery"), ("tumbling", "overlapping"), ("principal", "session"), ("vedette", "seed")):
        query = compiled(vedette, "sql:" + dialect, "--window", window, "--identity", identity, "--profile", profile)
        n += 1
        try:
            tree = sqlglot.parse_one(query, read={"postgresql": "postgres"}.get(dialect, dialect))
        except sqlglot.errors.ParseError as err:
            failed += 1
            print(f"{dialect}, {window}, {identity}, {profile}: {err}")
            continue
        names = [s.alias_or_name for s in tree.selects]
        if names != COLUMNS:
            failed += 1
            print(f"{dialect}, {window}, {identity}, {profile}: columns {names}")
    print(f"{n} statements parsed by sqlglot {sqlglot.__version__}, {failed} faults")
    sys.exit(1 if failed else 0)


main()
