"""Parses compiled SQL with sqlglot, in the dialects that do not run here, and
checks the columns of the result.

    parse.py VEDETTE
"""

import glob
import itertools
import os
import subprocess
import sys
import tempfile

import sqlglot

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
    with tempfile.TemporaryDirectory() as work:
        for dialect, window, identity, more in itertools.product(
                ("duckdb", "postgresql", "clickhouse", "spark", "trino", "athena", "bigquery"), ("tumbling", "overlapping"), ("principal", "session"), ([], ["--profile", "seed"], ["--package"])):
            out = tempfile.mkdtemp(dir=work)
            subprocess.run([vedette, "compile", "T1580", *([] if "seed" in more else ["T1087.004"]), "-t", "sql:" + dialect, "--window", window, "--identity", identity, *more, "-o", out],
                           check=True, stdout=subprocess.DEVNULL)
            for path in sorted(glob.glob(f"{out}/*/*.sql")):
                name, n = os.path.basename(path), n + 1
                try:
                    tree = sqlglot.parse_one(open(path).read(), read={"postgresql": "postgres"}.get(dialect, dialect))
                except sqlglot.errors.ParseError as err:
                    failed += 1
                    print(f"{dialect}, {window}, {identity}, {more}, {name}: {err}")
                    continue
                if name == "exceptions.sql":
                    if not isinstance(tree, sqlglot.exp.Create):
                        failed += 1
                        print(f"{dialect}: {name} makes no table")
                    continue
                names = [s.alias_or_name for s in tree.selects]
                if [c for c in names if c != "DistinctTargets"] != COLUMNS:
                    failed += 1
                    print(f"{dialect}, {window}, {identity}, {more}, {name}: columns {names}")
    print(f"{n} statements parsed by sqlglot {sqlglot.__version__}, {failed} faults")
    sys.exit(1 if failed else 0)


main()
