"""Executes compiled KQL with duckdb-kql over captured and generated trails and
compares the rows with those of `vedette scan`.

    kql.py VEDETTE [--trail DIR] [--sets N]
    kql.py VEDETTE --questions DIR

With --questions the hunting questions of CloudTrail are asked instead, over the
trails of that folder, and their rows compared with those of `vedette hunt`.

The table is filled from the raw records here, by the mapping that Azure
Monitor documents for AWSCloudTrail, with no code of Vedette's.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

import duckdb_kql

from trails import cases, compare, compiled, generated, records, vedette

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMAS = json.load(open(os.path.join(HERE, "schemas.json")))
TYPES = {"string": "VARCHAR", "datetime": "TIMESTAMP", "bool": "BOOLEAN", "int": "INTEGER", "long": "BIGINT", "real": "DOUBLE", "dynamic": "JSON"}


def text(v):
    if v is None:
        return ""
    return v if isinstance(v, str) else json.dumps(v, separators=(",", ":"))


def row(r):
    """A record as a row of AWSCloudTrail."""
    u = r.get("userIdentity") or {}
    issuer = ((u.get("sessionContext") or {}).get("sessionIssuer")) or {}
    return {
        "TimeGenerated": r["eventTime"].replace("Z", "").replace("T", " "), "AwsEventId": text(r.get("eventID")), "AWSRegion": text(r.get("awsRegion")),
        "Category": text(r.get("eventCategory")), "ErrorCode": text(r.get("errorCode")), "ErrorMessage": text(r.get("errorMessage")),
        "EventName": text(r.get("eventName")), "EventSource": text(r.get("eventSource")), "EventTypeName": text(r.get("eventType")),
        "RecipientAccountId": text(r.get("recipientAccountId")), "RequestParameters": text(r.get("requestParameters")),
        "SessionIssuerArn": text(issuer.get("arn")), "SourceIpAddress": text(r.get("sourceIPAddress")), "UserAgent": text(r.get("userAgent")),
        "UserIdentityAccessKeyId": text(u.get("accessKeyId")), "UserIdentityAccountId": text(u.get("accountId")), "UserIdentityArn": text(u.get("arn")),
        "UserIdentityInvokedBy": text(u.get("invokedBy")), "UserIdentityPrincipalid": text(u.get("principalId")), "UserIdentityType": text(u.get("type")),
        "UserIdentityUserName": text(u.get("userName")), "Type": "AWSCloudTrail",
    }


def connect(rows):
    con = duckdb_kql.connect()
    for table, columns in SCHEMAS.items():
        pairs = [c.split(":") for c in columns.split(",")]
        con.execute(f'CREATE TABLE "{table}" (' + ", ".join(f'"{n}" {TYPES[t]}' for n, t in pairs) + ")")
    names = [c.split(":")[0] for c in SCHEMAS["AWSCloudTrail"].split(",")]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        for r in rows:
            f.write(json.dumps({n: r.get(n) for n in names}) + "\n")
        f.flush()
        columns = ", ".join(f"'{c.split(':')[0]}': '{TYPES[c.split(':')[1]]}'" for c in SCHEMAS["AWSCloudTrail"].split(","))
        con.execute(f"INSERT INTO \"AWSCloudTrail\" SELECT * FROM read_json('{f.name}', columns={{{columns}}}, format='newline_delimited')")
    return con


# What the engine has no word for, in words that it has: its dcount is exact,
# and the empty text that make_set_if passes over is taken out below.
REWRITES = [
    (re.compile(r"\bmake_set_if\((\w+), isnotempty\(\w+\), (\d+)\)"), r"make_set(\1, 1000)"),
    (re.compile(r"\bcount_distinct\((\w+)\)"), r"dcount(\1)"),
    (re.compile(r"\bcount_distinctif\((\w+), (isnotempty\(\w+\))\)"), r"dcountif(\1, \2)"),
    (re.compile(r'\[strcat\(Ns, "(\w+)"\)\]'), r'["http://schemas.microsoft.com/identity/claims/\1"]'),
]


def ask(con, query):
    for old, new in REWRITES:
        query = old.sub(new, query)
    cur = duckdb_kql.kql(con, query)
    names = [d[0] for d in cur.description]
    rows = [dict(zip(names, r)) for r in cur.fetchall()]
    for r in rows if "make_set(SourceIp, 1000)" in query else []:
        r["SourceIPs"] = [x for x in (json.loads(r["SourceIPs"]) if isinstance(r["SourceIPs"], str) else r["SourceIPs"]) if x != ""][:10]
    return rows


def questions(program, folder):
    """Compares groups, figures and times of every question's rows. Lists are
    left out: there are more values in them than the engine is asked for."""
    trail = [r for r in records(folder) if "eventSource" in r]
    con = connect(map(row, trail))
    asked, rows, failed, unsupported = 0, 0, 0, []

    def run(*args):
        return subprocess.run([program, *args], stdout=subprocess.PIPE, check=True, text=True).stdout

    def key(r):
        return tuple(str(v).replace(" ", "T").removesuffix("Z") for k, v in sorted(r.items()) if k not in ("question", "evidence") and not k.endswith("_list"))

    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as f:
        f.writelines(json.dumps(r) + "\n" for r in trail)
        f.flush()
        for q in json.loads(run("hunt", "--list", "-f", "json")):
            if q["logs"] != ["cloudtrail.management"]:
                continue
            query = "\n".join(x for x in run("compile", "--question", q["id"], "-t", "kusto").splitlines() if not x.startswith("//"))
            want = json.loads(run("hunt", q["id"], f.name, "-q", "-f", "json"))
            try:
                got = ask(con, query)
            except Exception as err:
                if "unsupported KQL construct" not in str(err):
                    raise
                unsupported.append(q["id"])
                continue
            asked, rows = asked + 1, rows + len(got)
            g, w = sorted(map(key, got)), sorted(map(key, want))
            if g != w:
                failed += 1
                print(f"{q['id']}: {len(g)} rows, {len(w)} over files\n  {g[:1]}\n  {w[:1]}")
    print(f"{asked} questions, {rows} rows by a KQL engine, {failed} differences; words it does not have: {', '.join(unsupported) or 'none'}")
    sys.exit(1 if failed or rows == 0 or len(unsupported) > 1 else 0)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("vedette")
    p.add_argument("--trail")
    p.add_argument("--cases")
    p.add_argument("--sets", type=int, default=20)
    p.add_argument("--questions")
    a = p.parse_args()
    if a.questions:
        questions(os.path.abspath(a.vedette), a.questions)
    queries = {
        "rows": (compiled(a.vedette, "kusto", "--no-dedup"), ["--rows", "--window", "tumbling", "--no-dedup"]),
        "rows, copies once": (compiled(a.vedette, "kusto"), ["--rows", "--window", "tumbling"]),
        "rows by session": (compiled(a.vedette, "kusto", "--identity", "session"), ["--rows", "--window", "tumbling", "--identity", "session"]),
        "rows with services": (compiled(a.vedette, "kusto", "--include-services"), ["--rows", "--window", "tumbling", "--include-services"]),
        "seed": (compiled(a.vedette, "kusto", "--profile", "seed"), ["--profile", "seed"]),
    }
    sets, failed, rows = [], 0, 0
    if a.trail:
        # As in sql.py: retries of throttled calls count where every record does.
        trail = list(records(a.trail))
        sets.append((a.trail, trail))
    folders, left = 0, []
    for name, trail, want, detection, approximate in cases(a.cases) if a.cases else []:
        if "kusto" in approximate:
            left.append(name)
            continue
        got = ask(connect(map(row, trail)), compiled(a.vedette, "kusto", detection=detection or "T1580"))
        folders, rows = folders + 1, rows + len(got)
        failed += not compare(f"case {name}", got, want)
    with tempfile.TemporaryDirectory() as work:
        for n in range(a.sets):
            path = os.path.join(work, f"{n}.json")
            trail = generated(n)
            json.dump({"Records": trail}, open(path, "w"))
            sets.append((path, trail))
        for path, trail in sets:
            con = connect(map(row, trail))
            for name, (query, args) in queries.items():
                if path == a.trail and name not in ("rows", "seed"):
                    continue
                want = vedette(a.vedette, path, *args)
                got = ask(con, query)
                rows += len(got)
                if not compare(f"{os.path.basename(path)}, {name}", got, want):
                    failed += 1
    print(f"{folders} cases, {len(left)} declared as approximated and left out: {', '.join(left)}")
    print(f"{len(sets)} sets, {len(queries)} queries each, {rows} rows by a KQL engine, {failed} differences")
    sys.exit(1 if failed or rows == 0 else 0)


main()
