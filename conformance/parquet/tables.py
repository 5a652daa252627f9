#!/usr/bin/env python3
"""Holds a scan of Parquet that DuckDB made of JSON logs against a scan of the
JSON: the same findings with the same priorities.

    tables.py VEDETTE EXAMPLES

EXAMPLES has a folder of logs for each cloud. The records of each log go
through DuckDB's read_json_auto, which gives columns the types that it sees in
them (UUID, TIMESTAMP, STRUCT, MAP, JSON), into a Parquet file. JSON and
Parquet together must give the findings once more: each row is known as the
copy of a record. Exit status 1: something differs.
"""

import glob
import gzip
import json
import os
import subprocess
import sys
import tempfile

import duckdb

COUNTS = ("events", "unparsed", "duplicates")


def records(path):
    raw = open(path, "rb").read()
    text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        while at < len(text) and text[at] in " \r\n\t,":
            at += 1
        for v in value if isinstance(value, list) else [value]:
            yield from v.get("Records") or v.get("records") or [v]


def tables(cloud, folder):
    """Writes the records of each log below cloud as lines of JSON and as a
    Parquet file, each into a folder. Returns how many, and the types of columns."""
    logs, types = {}, set()
    for path in sorted(glob.glob(cloud + "/**/*.json*", recursive=True)):
        if "CloudTrail-Digest" not in path:
            logs.setdefault(os.path.relpath(path, cloud).split(os.sep)[0], []).extend(records(path))
    for name, rows in logs.items():
        lines = os.path.join(folder, "json", name + ".json")
        with open(lines, "w") as f:
            f.writelines(json.dumps(r) + "\n" for r in rows)
        db = duckdb.connect()
        db.execute("SET threads = 1")
        db.execute("CREATE TABLE log AS SELECT * FROM read_json_auto(?, sample_size = -1)", [lines])
        types |= {t for (t,) in db.execute("SELECT data_type FROM duckdb_columns() WHERE table_name = 'log'").fetchall()}
        db.execute(f"COPY log TO '{os.path.join(folder, 'parquet', name)}.parquet' (FORMAT parquet)")
    return sum(map(len, logs.values())), types


def scan(vedette, *paths):
    run = subprocess.run([vedette, "scan", *paths, "--format", "json", "--quiet"], capture_output=True)
    if run.returncode != 0:
        raise SystemExit(f"vedette scan: exit {run.returncode}: {run.stderr.decode()}")
    report = json.loads(run.stdout)
    counts = {c: report["summary"].get(c, 0) for c in COUNTS}
    return counts, [(f["id"], f["priority"], f["events"], f["outcomes"]) for f in report["findings"]]


def main():
    vedette, examples = sys.argv[1:]
    bad, findings, types = 0, 0, set()

    def same(what, want, got):
        nonlocal bad
        if want != got:
            bad += 1
            print(f"{what}: DIFFERS\n  JSON    {want}\n  Parquet {got}")

    for cloud in sorted(os.listdir(examples)):
        if not os.path.isdir(os.path.join(examples, cloud)):
            continue
        with tempfile.TemporaryDirectory() as tmp:
            ndjson, parquet = os.path.join(tmp, "json"), os.path.join(tmp, "parquet")
            os.mkdir(ndjson), os.mkdir(parquet)
            n, seen = tables(os.path.join(examples, cloud), tmp)
            types |= seen
            counts, want = scan(vedette, ndjson)
            findings += len(want)
            same(f"{cloud}, counts", counts, scan(vedette, parquet)[0])
            same(f"{cloud}, findings", want, scan(vedette, parquet)[1])
            twice, got = scan(vedette, ndjson, parquet)
            copies = {"events": 2 * counts["events"], "unparsed": 0, "duplicates": counts["duplicates"] + counts["events"]}
            same(f"{cloud}, counts of both", copies, twice)
            same(f"{cloud}, findings of both", want, got)
            print(f"{cloud}: {n} records, {counts['events']} events, {len(want)} findings")
    # Columns that DuckDB typed otherwise would compare little.
    missing = [t for t in ("UUID", "TIMESTAMP", "JSON") if not any(t in have for have in types)]
    if missing or findings < 3:
        print(f"{findings} findings; no column of {missing}")
        bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
