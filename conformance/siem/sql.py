"""Executes compiled SQL on real engines over captured and generated trails and
compares the rows with those of `vedette scan`.

    sql.py VEDETTE [--trail DIR] [--cases DIR] [--sets N] [--engines duckdb,postgresql,clickhouse,spark,flink]

Fixed windows must give the rows of `vedette scan --rows`. Overlapping ones
must give, for each identity and account, the calls of the engine's sliding
windows: how many, of how many kinds, from when to when, at what risk.
Statements of packages must give the window that has closed and settled, once,
and not for an identity that is excepted. An engine that does not start is a
fault.
"""

import argparse
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from trails import cases, compare, compiled, generated, records, stamp_of, table_of, vedette, when

FIXED = {
    "rows": ([], ["--rows", "--window", "tumbling"]),
    "every record": (["--no-dedup"], ["--rows", "--window", "tumbling", "--no-dedup"]),
    "by session": (["--identity", "session"], ["--rows", "--window", "tumbling", "--identity", "session"]),
    "with services": (["--include-services"], ["--rows", "--window", "tumbling", "--include-services"]),
    "seed": (["--profile", "seed"], ["--profile", "seed"]),
    # The window is no whole number of minutes.
    "seconds": ([], ["--rows", "--window", "tumbling"]),
}
SECONDS = """
id: SECONDS
name: Many calls in ninety seconds
version: "1.0.0"
techniques: [T1580]
select:
  classes: [discovery]
windows:
  - name: burst
    length: 90s
    trigger: {events: 4}
    bands:
      - {risk: 50}
examples:
  fire:
    - name: ten
      events:
        - {cloud: aws, service: ec2.amazonaws.com, api: DescribeVpcs, count: 10}
  silent:
    - name: one
      events:
        - {cloud: aws, service: ec2.amazonaws.com, api: DescribeVpcs, count: 1}
"""


# The tables that queries read; a trail fills the first and leaves the others
# empty unless it has their records.
TABLES = ["cloudtrail", "azure_activity", "azure_key_vault", "azure_storage", "azure_graph", "gcp_audit"]


def by_table(rows):
    out = {t: [] for t in TABLES}
    for r in rows:
        out[table_of(r)].append(r)
    return out


class DuckDB:
    def __init__(self, work):
        import duckdb
        self.con = duckdb.connect()

    def load(self, rows):
        for table, rows in by_table(rows).items():
            self.con.execute(f"CREATE OR REPLACE TABLE {table} (record JSON)")
            if rows:
                with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
                    json.dump([{"record": r} for r in rows], f)
                    f.flush()
                    self.con.execute(f"INSERT INTO {table} SELECT record FROM read_json('{f.name}', columns={{'record': 'JSON'}})")

    def run(self, statement):
        self.con.execute(statement)

    def ask(self, query):
        cur = self.con.execute(query)
        names = [d[0] for d in cur.description]
        return [dict(zip(names, r)) for r in cur.fetchall()]


class PostgreSQL:
    def __init__(self, work):
        import psycopg2
        bins = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        initdb = shutil.which("initdb") or (bins and os.path.join(bins[-1], "initdb"))
        ctl = shutil.which("pg_ctl") or (bins and os.path.join(bins[-1], "pg_ctl"))
        data = os.path.join(work, "pg")
        os.makedirs(data)
        # The server refuses to run as root.
        self.prefix = []
        if os.getuid() == 0:
            shutil.chown(data, "nobody")
            os.chmod(work, 0o755)
            os.chmod(os.path.dirname(work), 0o755)
            self.prefix = ["setpriv", "--reuid=nobody", "--clear-groups"]
        self.ctl, self.data = ctl, data
        run = lambda *a: subprocess.run([*self.prefix, *a], check=True, stdout=subprocess.DEVNULL, cwd="/")
        run(initdb, "-D", data, "-U", "vedette", "--no-sync", "-E", "UTF8", "--locale=C")
        run(ctl, "-D", data, "-w", "-o", f"-k {data} -c listen_addresses='' -c fsync=off", "-l", os.path.join(data, "log"), "start")
        self.con = psycopg2.connect(host=data, user="vedette", dbname="postgres")
        self.con.autocommit = True
        self.cur = self.con.cursor()
        for table in TABLES:
            self.cur.execute(f"CREATE TABLE {table} (record jsonb)")

    def load(self, rows):
        from psycopg2.extras import execute_values
        for table, rows in by_table(rows).items():
            self.cur.execute(f"TRUNCATE {table}")
            if rows:
                execute_values(self.cur, f"INSERT INTO {table} VALUES %s", [(json.dumps(r),) for r in rows])

    def run(self, statement):
        self.cur.execute(statement)

    def ask(self, query):
        self.cur.execute(query)
        names = [d[0] for d in self.cur.description]
        return [dict(zip(names, r)) for r in self.cur.fetchall()]

    def close(self):
        self.con.close()
        subprocess.run([*self.prefix, self.ctl, "-D", self.data, "-m", "immediate", "stop"], stdout=subprocess.DEVNULL, cwd="/")


class ClickHouse:
    def __init__(self, work):
        from chdb import session
        self.s = session.Session(os.path.join(work, "clickhouse"))
        for table in TABLES:
            self.s.query(f"CREATE TABLE {table} (record String) ENGINE = Memory")

    def load(self, rows):
        for table, rows in by_table(rows).items():
            self.s.query(f"TRUNCATE TABLE {table}")
            if rows:
                with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
                    for r in rows:
                        f.write(json.dumps(r) + "\n")
                    f.flush()
                    self.s.query(f"INSERT INTO {table} SELECT json FROM file('{f.name}', JSONAsString, 'json String')")

    def run(self, statement):
        self.s.query(statement)

    def ask(self, query):
        out = str(self.s.query(query, "JSONEachRow"))
        return [json.loads(line) for line in out.splitlines() if line.strip()]

    def close(self):
        self.s.close()


class Spark:
    def __init__(self, work):
        from pyspark.sql import SparkSession
        self.s = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").config("spark.sql.session.timeZone", "UTC")
                  .config("spark.sql.shuffle.partitions", "1").config("spark.default.parallelism", "1").config("spark.ui.showConsoleProgress", "false").config("spark.sql.warehouse.dir", os.path.join(work, "spark")).getOrCreate())
        self.s.sparkContext.setLogLevel("OFF")

    def load(self, rows):
        for table, rows in by_table(rows).items():
            self.s.createDataFrame([(json.dumps(r),) for r in rows], "record string").createOrReplaceTempView(table)

    def run(self, statement):
        self.s.sql(statement)

    def ask(self, query):
        import datetime
        os.environ["TZ"] = "UTC"
        rows = [r.asDict() for r in self.s.sql(query).collect()]
        return rows

    def close(self):
        self.s.stop()


class Flink:
    """In batch mode, so that no record is late; the tables are made by the
    statements that stand beside a compiled query, over files."""
    overlapping = False  # windows start every five minutes there

    def __init__(self, work, program):
        from pyflink.table import EnvironmentSettings, TableEnvironment
        self.t = TableEnvironment.create(EnvironmentSettings.in_batch_mode())
        self.t.get_config().set("parallelism.default", "1")
        # What runs without end asks more of a statement: it is planned there.
        self.endless = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
        self.folder = os.path.join(work, "tables")
        os.makedirs(os.path.join(self.folder, "exceptions"))
        subprocess.run([program, "compile", "T1580", "-t", "sql:flink", "-o", work], check=True, stdout=subprocess.DEVNULL)
        for statement in open(os.path.join(work, "sql-flink", "t1580-burst.tables.sql")).read().split(";\n"):
            if statement.strip():
                head, _, _ = statement.partition("WITH (")
                table = head.split()[2]
                os.makedirs(os.path.join(self.folder, table))
                for t in (self.t, self.endless):
                    t.execute_sql(f"{head} WITH ('connector' = 'filesystem', 'path' = 'file://{self.folder}/{table}', 'format' = 'raw')")

    def load(self, rows):
        for table, rows in by_table(rows).items():
            if os.path.isdir(os.path.join(self.folder, table)):
                with open(os.path.join(self.folder, table, "records"), "w") as f:
                    f.writelines(json.dumps(r) + "\n" for r in rows)

    def run(self, statement):
        os.makedirs(f"{self.folder}/exceptions", exist_ok=True)  # Flink reads no folder that is not there
        statement = statement.replace("file:///PATH", f"file://{self.folder}/exceptions")
        if statement.startswith("CREATE"):
            self.endless.execute_sql(statement)
        self.t.execute_sql(statement).wait()

    def plan(self, query):
        self.endless.explain_sql(query)

    def ask(self, query):
        result = self.t.execute_sql(query)
        names = result.get_table_schema().get_field_names()
        with result.collect() as rows:
            return [dict(zip(names, list(r))) for r in rows]


ENGINES = {"duckdb": DuckDB, "postgresql": PostgreSQL, "clickhouse": ClickHouse, "spark": Spark, "flink": Flink}


def throttled(r):
    return any(w in r.get("errorCode", "") for w in ("Throttl", "RequestLimitExceeded", "TooManyRequests", "SlowDown"))


def union_of_rows(rows):
    """What rows of overlapping windows say of each identity and account."""
    out = {}
    for r in rows:
        x = out.setdefault((r["CloudProvider"], r["Identity"], r["AccountId"]), [0, "9", "", 0])
        x[0] += int(r["DiscoveryCount"])
        x[1], x[2] = min(x[1], when(r["FirstSeen"])), max(x[2], when(r["LastSeen"]))
        x[3] = max(x[3], int(r["RiskScore"]))
    return out


def union_of_findings(report):
    out = {}
    for f in report["findings"]:
        if f["scope"] != "account":
            continue
        x = out.setdefault((f["cloud"]["provider"].upper(), f["actor"].get("uid", ""), f["cloud"]["account"].get("uid", "")), [0, "9", "", 0])
        x[0] += f["events"]
        x[1], x[2] = min(x[1], when(f["first_seen"])), max(x[2], when(f["last_seen"]))
        x[3] = max(x[3], f["risk_score"])
    return out


def same(name, got, want):
    for k in sorted(set(got) | set(want)):
        if got.get(k) != want.get(k):
            print(f"{name}: {k}: {got.get(k)}, vedette {want.get(k)}")
    return got == want


def scheduled(e, program, engine, work):
    """The faults of a package: run over a burst of just before the windows that
    a run looks at, one within them and one that has not settled."""
    now = int(time.time())
    out = os.path.join(work, "package-" + engine)
    subprocess.run([program, "compile", "T1580", "-t", "sql:" + engine, "--package", "-o", out], check=True, stdout=subprocess.DEVNULL)
    folder = glob.glob(os.path.join(out, "*"))[0]
    text = lambda name: "\n".join(l for l in open(os.path.join(folder, name)).read().splitlines() if not l.startswith("--")).strip().rstrip(";")
    e.run(text("exceptions.sql"))
    # Its window ends, settled, in the quarter of an hour before now; a run at
    # the very edge of one would see it or not by the clock.
    if now % 900 > 840:
        time.sleep(901 - now % 900)
        now = int(time.time())
    due = now // 900 * 900 - 1800
    arn = "arn:aws:iam::111122223333:user/due"
    trail = []
    for at, user in [(due, arn), (due - 1800, "arn:aws:iam::111122223333:user/before"), (due + 900, "arn:aws:iam::111122223333:user/after")]:
        for i in range(12):
            trail.append({"eventVersion": "1.09", "userIdentity": {"type": "IAMUser", "arn": user, "accountId": "111122223333", "principalId": "AIDAEXAMPLE"},
                          "eventTime": stamp_of(at + 60 + i), "eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances", "awsRegion": "eu-west-1",
                          "sourceIPAddress": "198.51.100.7", "eventID": f"{user}-{i}", "eventType": "AwsApiCall", "eventCategory": "Management"})
    e.load(trail)
    for name in sorted(os.listdir(folder)):
        if name.endswith(".sql") and name not in ("exceptions.sql", "tables.sql") and name != "t1580-burst.sql" and e.ask(text(name)):
            yield f"{name} fires on one question"
    # An engine that reads without end closes windows by its watermark alone.
    want = {arn} if engine != "flink" else {r["userIdentity"]["arn"] for r in trail}
    if hasattr(e, "plan"):
        for window in ("tumbling", "overlapping"):
            e.plan(compiled(program, "sql:" + engine, "--window", window))
        e.plan(text("t1580-burst.sql"))
    got = [r["Identity"] for r in e.ask(text("t1580-burst.sql"))]
    if sorted(got) != sorted(want):
        yield f"the rule finds {got}"
    if engine in ("duckdb", "postgresql"):
        e.run("INSERT INTO vedette_exceptions VALUES (NULL, 'a row without a caller', 'me', DATE '2100-01-01')")
    none = "NULL" if engine == "clickhouse" else "CAST(NULL AS DATE)"
    for until, holds in [("DATE '2020-01-01'", False), (none, False), ("DATE '2100-01-01'", True)]:
        e.run(f"INSERT INTO vedette_exceptions VALUES ('{arn}', 'known', 'me', {until})")
        if (arn in [r["Identity"] for r in e.ask(text("t1580-burst.sql"))]) == holds:
            yield f"an identity excepted until {until} is {'found' if holds else 'not found'}"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("vedette")
    p.add_argument("--trail")
    p.add_argument("--cases")
    p.add_argument("--sets", type=int, default=20)
    p.add_argument("--engines", default=",".join(ENGINES))
    a = p.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as work:
        seconds = os.path.join(work, "seconds.yaml")
        with open(seconds, "w") as f:
            f.write(SECONDS)
        asked = dict(FIXED)
        asked["seconds"] = ([], [*FIXED["seconds"][1], "--detection", seconds])
        sets = []
        if a.trail:
            # Queries count retries of throttled calls, scans only where every
            # record counts: the trail as it is for that, and without them.
            trail = list(records(a.trail))
            sets.append((a.trail, trail))
            path = os.path.join(work, "without-throttled.json")
            with open(path, "w") as f:
                json.dump({"Records": [r for r in trail if not throttled(r)]}, f)
            sets.append((path, [r for r in trail if not throttled(r)]))
        # Sets have accounts of their own: many are read at once.
        batch = 25
        for first in range(0, a.sets, batch):
            path = os.path.join(work, f"{first}.json")
            trail = [r for n in range(first, min(first + batch, a.sets)) for r in generated(n, others=True)]
            with open(path, "w") as f:
                json.dump({"Records": trail}, f)
            sets.append((path, trail))
        # The answers once, for all engines.
        fixed = [{name: vedette(a.vedette, path, *args) for name, (_, args) in asked.items()} for path, _ in sets]
        sliding = [union_of_findings(vedette(a.vedette, path)) for path, _ in sets]
        for engine in a.engines.split(","):
            try:
                e = ENGINES[engine](tempfile.mkdtemp(dir=work), *([a.vedette] if engine == "flink" else []))
            except Exception as err:  # whatever keeps it from starting
                print(f"{engine} does not start: {err}")
                failed += 1
                continue
            queries = {name: compiled(a.vedette, "sql:" + engine, *args, detection=seconds if name == "seconds" else "T1580") for name, (args, _) in asked.items()}
            overlapping = compiled(a.vedette, "sql:" + engine, "--window", "overlapping")
            rows, faults, folders = 0, 0, 0
            for name, trail, want, detection, _ in cases(a.cases) if a.cases else []:
                e.load(trail)
                query = compiled(a.vedette, "sql:" + engine, detection=detection or "T1580")
                got = e.ask(query)
                folders, rows = folders + 1, rows + len(got)
                faults += not compare(f"{engine}, case {name}", got, want)
                if getattr(e, "overlapping", True):
                    args = ["--detection", os.path.join(a.cases, name, "detection.yaml")] if detection else []
                    faults += not same(f"{engine}, case {name}, overlapping", union_of_rows(e.ask(compiled(a.vedette, "sql:" + engine, "--window", "overlapping", detection=detection or "T1580"))),
                                       union_of_findings(vedette(a.vedette, os.path.join(a.cases, name, "events.json"), *args)))
            for (path, trail), want, union in zip(sets, fixed, sliding):
                e.load(trail)
                label = "/".join(path.split("/")[-2:])
                whole = any(map(throttled, trail))
                for name, query in queries.items():
                    if whole and name not in ("every record", "seed"):
                        continue
                    try:
                        got = e.ask(query)
                    except Exception as err:
                        sys.exit(f"{engine}, {label}, {name}: {err}")
                    rows += len(got)
                    faults += not compare(f"{engine}, {label}, {name}", got, want[name])
                if whole or not getattr(e, "overlapping", True):
                    continue
                got = union_of_rows(e.ask(overlapping))
                rows += len(got)
                faults += not same(f"{engine}, {label}, overlapping", got, union)
            for fault in scheduled(e, a.vedette, engine, work):
                faults += 1
                print(f"{engine}, package: {fault}")
            if hasattr(e, "close"):
                e.close()
            print(f"{engine}: {folders} cases; {a.sets} generated sets and a trail in {len(sets)} readings, {len(queries) + 1} queries each, {rows} rows, {faults} differences")
            failed += faults > 0 or rows == 0
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
