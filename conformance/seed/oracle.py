#!/usr/bin/env python3
"""Holds `vedette scan --profile seed` against the seed's query as DuckDB
executes it over the raw records (query.sql), row by row and in order.

    oracle.py VEDETTE [--sets N] [--trail FOLDER [--expect 297/13/90,...]]

Without --trail it makes N sets (100; see sets.py) and compares each. With it,
it compares over the CloudTrail files {"Records":[...]} of that folder, and
--expect names the rows that both must give, as events/APIs/risk in order.
Exit status 1: something differs.
"""

import argparse
import csv
import datetime
import glob
import io
import json
import os
import re
import subprocess
import sys
import tempfile

import duckdb

import sets

QUERY = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "query.sql")).read()
COLUMNS = ("TimeGenerated CloudProvider Identity AccountId DiscoveryCount DistinctAPIs APIList "
           "DistinctRegions SourceIPs FirstSeen LastSeen RiskScore").split()
TIMES, LISTS, NUMBERS = {"TimeGenerated", "FirstSeen", "LastSeen"}, {"APIList", "SourceIPs"}, {"DiscoveryCount", "DistinctAPIs", "DistinctRegions", "RiskScore"}


def oracle(folder):
    """The rows that the query gives over the folder."""
    db = duckdb.connect()
    db.execute("SET threads = 2")
    trails = sorted(glob.glob(os.path.join(folder, "**", "*.json"), recursive=True) + glob.glob(os.path.join(folder, "**", "*.json.gz"), recursive=True))
    lines = sorted(glob.glob(os.path.join(folder, "**", "*.jsonl"), recursive=True))
    db.execute("CREATE TABLE trail(o JSON)")
    db.execute("CREATE TABLE activity(o JSON)")
    if trails:
        db.execute("INSERT INTO trail SELECT unnest(Records) FROM read_json(?, columns = {'Records': 'JSON[]'}, maximum_object_size = 268435456)", [trails])
    if lines:
        db.execute("INSERT INTO activity SELECT json FROM read_ndjson_objects(?)", [lines])
    out = db.execute(QUERY).fetchall()
    return [dict(zip(COLUMNS, r)) | {"APIList": json.loads(r[6]), "SourceIPs": json.loads(r[8])} for r in out]


def program(vedette, folder):
    """The rows that the program gives, in the types of the query's."""
    run = subprocess.run([vedette, "scan", folder, "--profile", "seed", "--format", "csv", "--quiet"], capture_output=True)
    if run.returncode != 0:
        raise SystemExit(f"vedette: exit {run.returncode}: {run.stderr.decode()}")
    table = csv.reader(io.StringIO(run.stdout.decode(), newline=""))
    header = next(table, None)
    if header != COLUMNS:
        raise SystemExit(f"vedette: columns are {header}, want {COLUMNS}")
    rows = []
    for cells in table:
        row = dict(zip(COLUMNS, cells, strict=True))
        for c in TIMES:
            row[c] = nanoseconds(row[c])
        for c in LISTS:
            row[c] = json.loads(row[c])
        for c in NUMBERS:
            row[c] = int(row[c])
        rows.append(row)
    return rows


def nanoseconds(s):
    m = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", s)
    if not m:
        raise SystemExit(f"vedette: {s!r} is no RFC 3339 time in UTC")
    whole = datetime.datetime.fromisoformat(m[1] + "+00:00")
    return int(whole.timestamp()) * 10**9 + int((m[2] or "").ljust(9, "0"))


def differences(want, got):
    key = lambda r: (r["CloudProvider"], r["Identity"], r["AccountId"], r["TimeGenerated"])
    mine, theirs = {key(r): r for r in want}, {key(r): r for r in got}
    for k in mine.keys() - theirs.keys():
        yield f"{k}: a row of the query alone"
    for k in theirs.keys() - mine.keys():
        yield f"{k}: a row of the program alone"
    for k in mine.keys() & theirs.keys():
        for c in COLUMNS:
            if mine[k][c] != theirs[k][c]:
                yield f"{k} {c}: {mine[k][c]!r} by the query, {theirs[k][c]!r} by the program"
    if len(want) != len(mine) or len(got) != len(theirs):
        yield "a row appears twice"
    if mine == theirs and want != got:
        yield "the same rows in another order"


def compare(vedette, folder, name):
    want, got = oracle(folder), program(vedette, folder)
    diffs = sorted(differences(want, got))
    for d in diffs[:5]:
        print(f"{name}: {d}")
    return want, not diffs


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    ap.add_argument("vedette")
    ap.add_argument("--sets", type=int, default=100)
    ap.add_argument("--trail")
    ap.add_argument("--expect")
    ap.add_argument("--keep", help="leave the sets in this folder")
    args = ap.parse_args()

    if args.trail:
        want, same = compare(args.vedette, args.trail, args.trail)
        figures = [f"{r['DiscoveryCount']}/{r['DistinctAPIs']}/{r['RiskScore']}" for r in want]
        print(f"{args.trail}: {' '.join(figures)}: {'same' if same else 'DIFFERS'}")
        if args.expect and args.expect.split(",") != figures:
            print(f"expected {args.expect}")
            same = False
        return 0 if same else 1

    good = rows = 0
    tmp = tempfile.TemporaryDirectory()
    for n in range(1, args.sets + 1):
        folder = os.path.join(args.keep or tmp.name, f"{n:03}")
        os.makedirs(folder)
        sets.write(n, folder)
        want, same = compare(args.vedette, folder, f"set {n}")
        good += same
        rows += len(want)
    print(f"{good} of {args.sets} sets give the same rows ({rows} rows in all)")
    # Sets that make no rows would compare nothing.
    return 0 if good == args.sets and rows >= 3 * args.sets else 1


if __name__ == "__main__":
    sys.exit(main())
