"""Asks every hunting question of real engines through their own clients, and
compares the rows with those of `vedette hunt` over the same records as files.

    questions.py VEDETTE --trails DIR [--examples DIR] [--sets N] [--few] [--trino DIR] [--engines duckdb,psql,...]

The trails are those that answer the questions, all in one set of tables;
generated sets and the examples are further ones. A question that is said to be
exact on an engine must give the same rows, column by column, evidence too. The
others are counted and named. Engines and clients are those of hunt.py.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

from hunt import ENGINES, Trino
from trails import generated, records

DIALECTS = {"duckdb": "sql:duckdb", "psql": "sql:postgresql", "clickhouse": "sql:clickhouse", "trino": "sql:trino", "athena": "sql:athena", "spark-sql": "sql:spark"}


def run(argv, **more):
    out = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
    if out.returncode not in (0, 4):
        sys.exit(f"{' '.join(argv)}: exit code {out.returncode}: {out.stderr}")
    return json.loads(out.stdout)


def key(row):
    """A row in a form that compares: ids of events in no order."""
    return json.dumps({k: sorted(v) if isinstance(v, list) else v for k, v in row.items()}, sort_keys=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("vedette")
    p.add_argument("--trails", required=True)
    p.add_argument("--examples")
    p.add_argument("--sets", type=int, default=10)
    p.add_argument("--trino")
    p.add_argument("--few", action="store_true", help="the trails alone, whatever the client")
    p.add_argument("--engines", default=",".join(ENGINES))
    a = p.parse_args()
    program = os.path.abspath(a.vedette)
    Trino.home = a.trino
    library = run([program, "hunt", "--list", "-f", "json"])
    sets = {"q_": list(records(a.trails)), "g_": [r for n in range(a.sets) for r in generated(n, others=True)]}
    if a.examples:
        sets["e_"] = list(records(a.examples))
    failed, missing = 0, 0
    with tempfile.TemporaryDirectory() as work:
        os.chmod(work, 0o755)
        want = {}
        for prefix, rows in sets.items():
            file = os.path.join(work, prefix + "records.jsonl")
            with open(file, "w") as f:
                f.writelines(json.dumps(r) + "\n" for r in rows)
            want[prefix] = {q["id"]: [] for q in library}
            for row in run([program, "hunt", *want[prefix], file, "-q", "-f", "json"]):
                want[prefix][row["question"]].append(row)
        for which in a.engines.split(","):
            try:
                e = ENGINES[which](tempfile.mkdtemp(dir=work))
            except Exception as err:  # whatever keeps it from starting
                print(f"{which}: SKIPPED: {err}")
                missing += 1
                continue
            os.chmod(e.work, 0o755)
            some = {k: v for k, v in sets.items() if k == "q_" or not (a.few or e.few)}
            e.load({"": [], **some})
            exact, asked, rows, faults, near, other = 0, 0, 0, 0, 0, []
            for q in library:
                says = DIALECTS[which] in q["exact"]
                exact += says
                if DIALECTS[which] in (q["impossible"] or []):
                    continue
                if e.dialect_args and not all(log.startswith("cloudtrail") for log in q["logs"]):
                    continue  # its tables here are CloudTrail's
                for prefix in some:
                    tables = e.tables(prefix)
                    if not e.dialect_args:
                        names = {"cloudtrail.management": "cloudtrail", "azure.activity": "azure_activity", "azure.key_vault": "azure_key_vault", "azure.storage": "azure_storage",
                                 "azure.microsoft_graph": "azure_graph", "gcp.data_access": "gcp_audit"}
                        tables = [x for log in q["logs"] for x in ("--table", f"{names[log]}={prefix}{names[log]}")]
                    got = run([program, "hunt", q["id"], "--engine", e.name, "-q", "-f", "json", *e.dialect_args, *tables, "--", *e.args], env=e.env, cwd=e.work)
                    asked, rows = asked + 1, rows + len(got)
                    g, w = sorted(map(key, got)), sorted(map(key, want[prefix][q["id"]]))
                    if g == w:
                        near += not says
                        continue
                    if not says:
                        other.append(q["id"])
                        continue
                    faults += 1
                    print(f"{which}, {q['id']} of {prefix}: {len(g)} rows, {len(w)} over files")
                    for x in [x for x in g if x not in w][:1]:
                        print("  only there:  ", x)
                    for x in [x for x in w if x not in g][:1]:
                        print("  only files:  ", x)
            e.close()
            print(f"{which}: {exact} of {len(library)} questions exact; {asked} hunts, {rows} rows, {faults} differences; "
                  f"of those not exact {near} hunts the same, others: {', '.join(sorted(set(other))) or 'none'}")
            failed += faults > 0 or rows == 0 or exact < 15
    sys.exit(1 if failed else 77 if missing == len(a.engines.split(",")) else 0)


if __name__ == "__main__":
    main()
