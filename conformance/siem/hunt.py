"""Runs `vedette hunt` through real clients of real engines and compares the
rows with those of `vedette scan --rows` over the same records.

    hunt.py VEDETTE [--cases DIR] [--sets N] [--few] [--docs FILE] [--trino DIR] [--engines duckdb,psql,clickhouse,trino,athena,spark-sql]

Clients are the engines' own: DuckDB's, psql, Trino's and spark-sql. There is
no package of ClickHouse's client; chDB, which is ClickHouse as a library,
stands behind a script that takes the client's arguments and statements.

The statements and commands of --docs, docs/hunt.md, are run as they stand
there. An engine that cannot be had is named and left out; the exit code is 77
where that is all of them.
"""

import argparse
import atexit
import glob
import gzip
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import sql
from sql import TABLES, by_table, union_of_findings, union_of_rows
from trails import cases, compare, generated, vedette, when

# Options of a hunt, and of the scan that must give the same rows.
ASKED = {
    "rows": ([], []),
    "every record": (["--no-dedup"], ["--no-dedup"]),
    "by session": (["--identity", "session"], ["--identity", "session"]),
    "with services": (["--include-services"], ["--include-services"]),
    "seed": (["--profile", "seed"], None),
}

# Stretches of time at, beside and between the edges of bins of the generated
# sets, which begin at 13:00:00.
BASE = "2024-05-06T13"
RANGES = [("00:00", "15:00"), ("07:30", "22:10"), ("14:59", "15:01"), ("30:00", None), (None, "15:00"), ("15:01", "15:02")]

CHDB = """#!{python}
import os, sys
import chdb.session
path, form = os.environ["CHDB_PATH"], "TabSeparated"
for a in sys.argv[1:]:
    if a.startswith("--format="):
        form = a.split("=", 1)[1]
    else:
        sys.exit("unknown argument " + a)
s = chdb.session.Session(path)
try:
    for q in sys.stdin.read().split(";\\n"):
        if q.strip():
            sys.stdout.write(str(s.query(q, form)))
except Exception as e:
    sys.exit(str(e))
finally:
    s.close()
"""


def literal(s):
    return "'" + s.replace("'", "''") + "'"


class Engine:
    """An engine with its client in bin, which hunts find by name."""
    dialect_args = []
    few = False  # a client of Java, which takes long to start: fewer questions
    goes_on = True  # past text that is no time, which elsewhere ends a query

    def __init__(self, work):
        self.work, self.bin = work, os.path.join(work, "bin")
        os.makedirs(self.bin)
        self.env = dict(os.environ, PATH=self.bin + os.pathsep + os.environ["PATH"], HOME=work)
        self.args = []  # how to connect

    def program(self, name, text):
        path = os.path.join(self.bin, name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, 0o755)

    def run(self, argv, statements):
        out = subprocess.run(argv, input=statements, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env, cwd=self.work, text=True)
        if out.returncode:
            raise RuntimeError(f"{argv}: {out.stderr[-2000:]}")
        return out.stdout

    def tables(self, prefix):
        return [a for t in TABLES for a in ("--table", f"{t}={prefix}{t}")]

    def close(self):
        pass


class DuckDB(Engine):
    name = "duckdb"

    def __init__(self, work):
        super().__init__(work)
        import duckdb_cli
        self.program("duckdb", f'#!/bin/sh\nexec {os.path.join(os.path.dirname(duckdb_cli.__file__), "duckdb")} "$@"\n')
        self.args = [os.path.join(work, "trails.duckdb")]

    def load(self, sets):
        statements = ""
        for prefix, rows in sets.items():
            for table, rows in by_table(rows).items():
                path = os.path.join(self.work, prefix + table + ".json")
                with open(path, "w") as f:
                    json.dump([{"record": r} for r in rows], f)
                statements += f"CREATE TABLE {prefix}{table} AS SELECT record FROM read_json('{path}', columns = {{record: 'JSON'}});\n"
        self.run(["duckdb", "-bail", *self.args], statements)


class PostgreSQL(Engine):
    name = "psql"
    goes_on = False

    def __init__(self, work):
        super().__init__(work)
        if not shutil.which("psql"):
            raise RuntimeError("there is no psql")
        self.server = sql.PostgreSQL(os.path.join(work, "server"))
        self.args = ["-h", self.server.data, "-U", "vedette", "postgres"]
        self.env.update(PGHOST=self.server.data, PGUSER="vedette", PGDATABASE="postgres")

    def load(self, sets):
        for prefix, rows in sorted(sets.items(), reverse=True):
            self.server.load(rows)
            for t in TABLES if prefix else []:
                self.server.cur.execute(f"CREATE TABLE {prefix}{t} AS SELECT * FROM {t}")

    def close(self):
        self.server.close()


class ClickHouse(Engine):
    name = "clickhouse"

    def __init__(self, work):
        super().__init__(work)
        import chdb  # noqa: F401
        self.program("clickhouse-client", CHDB.format(python=sys.executable))
        self.env["CHDB_PATH"] = os.path.join(work, "data")

    def load(self, sets):
        statements = ""
        for prefix, rows in sets.items():
            for table, rows in by_table(rows).items():
                statements += f"CREATE TABLE {prefix}{table} (record String) ENGINE = MergeTree ORDER BY tuple();\n"
                if rows:
                    path = os.path.join(self.work, prefix + table + ".json")
                    with open(path, "w") as f:
                        f.writelines(json.dumps(r) + "\n" for r in rows)
                    statements += f"INSERT INTO {prefix}{table} SELECT json FROM file('{path}', JSONAsString, 'json String');\n"
        self.run(["clickhouse-client"], statements)


def java(least):
    """A Java of at least that version."""
    for path in [os.path.join(os.environ.get("JAVA_HOME", "/none"), "bin/java"), shutil.which("java"), *sorted(glob.glob("/usr/lib/jvm/*/bin/java"))]:
        if path and os.path.exists(path):
            out = subprocess.run([path, "-version"], stderr=subprocess.PIPE, text=True).stderr
            m = re.search(r'version "(\d+)', out)
            if m and int(m[1]) >= least:
                return path
    raise RuntimeError(f"there is no Java {least}")


class Trino(Engine):
    name = "trino"
    few = True
    home = None  # lib, plugin/memory and trino-cli.jar

    def __init__(self, work):
        super().__init__(work)
        if not self.home or not os.path.isdir(os.path.join(self.home, "plugin", "memory")):
            raise RuntimeError("Trino is not to be had")
        home = os.path.abspath(self.home)
        program = java(24)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        config = os.path.join(work, "etc")
        os.makedirs(os.path.join(config, "catalog"))
        for name, text in {"config.properties": f"coordinator=true\nnode-scheduler.include-coordinator=true\nhttp-server.http.port={port}\ndiscovery.uri=http://127.0.0.1:{port}\n",
                           "catalog/memory.properties": "connector.name=memory\n"}.items():
            with open(os.path.join(config, name), "w") as f:
                f.write(text)
        self.log = open(os.path.join(work, "server.log"), "w+")
        self.server = subprocess.Popen(
            [program, "-Xmx2G", "-Dnode.environment=test", "-Dnode.id=vedette", f"-Dnode.data-dir={work}/data", f"-Dconfig={config}/config.properties",
             f"-Dcatalog.config-dir={config}/catalog", f"-Dplugin.dir={home}/plugin", "--sun-misc-unsafe-memory-access=allow", "--add-modules=jdk.incubator.vector",
             "-cp", f"{home}/lib/*", "io.trino.server.TrinoServer"], stdout=self.log, stderr=self.log, cwd=work)
        atexit.register(self.close)
        self.program("trino", f'#!/bin/sh\nexec {program} -jar {home}/trino-cli.jar "$@"\n')
        self.args = ["--server", f"http://127.0.0.1:{port}", "--catalog", "memory", "--schema", "default"]
        for _ in range(120):
            self.log.seek(0)
            if "SERVER STARTED" in self.log.read():
                return
            if self.server.poll() is not None:
                break
            time.sleep(1)
        self.log.seek(0)
        raise RuntimeError("the server does not start: " + self.log.read()[-500:])

    def load(self, sets):
        statements = ""
        for prefix, rows in sets.items():
            for table, rows in by_table(rows).items():
                statements += f"CREATE TABLE {prefix}{table} (record varchar);\n"
                rows = [json.dumps(r) for r in rows]
                while rows:
                    some, size = [], 0
                    while rows and size < 400_000:
                        some.append(f"({literal(rows.pop())})")
                        size += len(some[-1])
                    statements += f"INSERT INTO {prefix}{table} VALUES {', '.join(some)};\n"
        self.run(["trino", *self.args], statements)

    def close(self):
        if self.server.poll() is None:
            self.server.send_signal(signal.SIGKILL)
            self.server.wait()


class Athena(Trino):
    """Trino with tables of structures, as Athena's documentation makes them
    for CloudTrail, asked in Athena's dialect."""
    name = "trino"
    dialect_args = ["--dialect", "athena"]

    # Columns of structures; all others are text.
    DEEP = {
        "useridentity": "ROW(type varchar, principalid varchar, arn varchar, accountid varchar, invokedby varchar, accesskeyid varchar, username varchar, "
                        "onbehalfof ROW(userid varchar, identitystorearn varchar), sessioncontext ROW(attributes ROW(mfaauthenticated varchar, creationdate varchar), "
                        "sessionissuer ROW(type varchar, principalid varchar, arn varchar, accountid varchar, username varchar), ec2roledelivery varchar, "
                        "webidfederationdata ROW(federatedprovider varchar, attributes map(varchar, varchar)), signinsessionarn varchar), credentialid varchar, identityprovider varchar)",
    }
    FLAT = ["eventversion", "eventtime", "eventsource", "eventname", "awsregion", "sourceipaddress", "useragent", "errorcode", "errormessage", "requestparameters",
            "responseelements", "additionaleventdata", "requestid", "eventid", "readonly", "eventtype", "apiversion", "recipientaccountid", "serviceeventdetails",
            "sharedeventid", "vpcendpointid", "eventcategory"]

    def tables(self, prefix):
        return ["--table", f"cloudtrail_logs={prefix}cloudtrail_logs"]

    def load(self, sets):
        super().load(sets)
        statements = ""
        for prefix in sets:
            columns = []
            for c in self.FLAT:
                member = next(n for n in sql_names if n.lower() == c)
                read = "json_format(json_extract(record, '$.%s'))" if c in ("requestparameters", "responseelements", "additionaleventdata", "serviceeventdetails") else "json_extract_scalar(record, '$.%s')"
                columns.append(read % member + " AS " + c)
            for c, kind in self.DEEP.items():
                columns.append(f"CAST(json_parse(lower_keys) AS {kind}) AS {c}")
            lower = "regexp_replace(json_format(json_extract(record, '$.userIdentity')), '\"([A-Za-z]+)\":', m -> '\"' || lower(m[1]) || '\":')"
            statements += (f"CREATE TABLE {prefix}cloudtrail_logs AS SELECT {', '.join(columns)}, replace(substr(json_extract_scalar(record, '$.eventTime'), 1, 10), '-', '/') AS \"timestamp\" "
                           f"FROM (SELECT record, {lower} AS lower_keys FROM {prefix}cloudtrail);\n")
        self.run(["trino", *self.args], statements)


sql_names = ["eventVersion", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress", "userAgent", "errorCode", "errorMessage", "requestParameters",
             "responseElements", "additionalEventData", "requestID", "eventID", "readOnly", "eventType", "apiVersion", "recipientAccountId", "serviceEventDetails",
             "sharedEventID", "vpcEndpointId", "eventCategory"]


class Spark(Engine):
    name = "spark-sql"
    few = True

    def __init__(self, work):
        super().__init__(work)
        import pyspark
        home = os.path.dirname(pyspark.__file__)
        settings = {"spark.master": "local[2]", "spark.sql.shuffle.partitions": "1", "spark.ui.enabled": "false", "spark.sql.warehouse.dir": work + "/warehouse",
                    "spark.sql.session.timeZone": "America/New_York",  # which must make no difference
                    "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={work}/metastore;create=true"}
        confs = " ".join(f"--conf '{k}={v}'" for k, v in settings.items())
        self.program("spark-sql", f'#!/bin/sh\nexport SPARK_HOME={home} SPARK_LOCAL_IP=127.0.0.1\nexec {home}/bin/spark-sql {confs} "$@"\n')

    def load(self, sets):
        statements = ""
        for prefix, rows in sets.items():
            for table, rows in by_table(rows).items():
                path = os.path.join(self.work, "text", prefix + table)
                os.makedirs(path)
                with open(os.path.join(path, "records"), "w") as f:
                    f.writelines(json.dumps(r) + "\n" for r in rows)
                statements += f"CREATE TABLE {prefix}{table} (record STRING) USING text LOCATION '{path}';\n"
        script = os.path.join(self.work, "load.sql")
        with open(script, "w") as f:
            f.write(statements)
        self.run(["spark-sql", "-S", "-f", script], "")


ENGINES = {"duckdb": DuckDB, "psql": PostgreSQL, "clickhouse": ClickHouse, "trino": Trino, "athena": Athena, "spark-sql": Spark}


def hunt(program, engine, *args, detection="T1580", connect=True):
    argv = [program, "hunt", detection, "--engine", engine.name, "-q", "-f", "json", *engine.dialect_args, *args]
    if connect:
        argv += ["--", *engine.args]
    out = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=engine.env, cwd=engine.work)
    if out.returncode:
        sys.exit(f"{' '.join(argv)}: exit code {out.returncode}: {out.stderr}")
    return json.loads(out.stdout)


def untimed(trail):
    """Copies of records whose times are none; they are in no window."""
    out = []
    for i, r in enumerate(trail[:60]):
        r = dict(r)
        for member in ("eventTime", "time", "timestamp"):
            if member in r:
                r[member] = ("redacted", "")[i % 2]
        out.append(r)
    return out


def within(rows, since, until):
    return [r for r in rows if (not since or when(r["LastSeen"]) >= when(since)) and (not until or when(r["FirstSeen"]) < when(until))]


class Documented:
    """The statements and commands of a section of a document, in order."""

    def __init__(self, path):
        self.sections = {}
        for part in re.split(r"^## ", open(path).read(), flags=re.M)[1:]:
            title, _, text = part.partition("\n")
            self.sections[title.strip()] = re.findall(r"^```(\w+)\n(.*?)^```", text, flags=re.M | re.S)

    def run(self, title, engine, program, want, statements):
        """Runs a section in a folder with a folder logs; each hunt that it
        shows must give the rows that are wanted."""
        folder, hunts, faults = os.path.join(engine.work, "logs-of-docs"), 0, 0
        for kind, text in self.sections[title]:
            if kind == "sql":
                statements(text)
            elif kind == "yaml":
                with open(os.path.join(engine.work, "fields.yaml"), "w") as f:
                    f.write(text)
            elif kind == "sh":
                for command in text.replace("\\\n", " ").splitlines():
                    # Each asks for rows in a form that can be compared.
                    if command.startswith("vedette hunt"):
                        argv = re.sub(r"^vedette hunt", f"{program} hunt -q -f json -o rows.json", command)
                        hunts += 1
                    else:
                        argv = command
                    out = subprocess.run(["bash", "-euo", "pipefail", "-c", argv], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=engine.env, cwd=engine.work)
                    if out.returncode:
                        sys.exit(f"{title}: {command}: {out.stderr}")
                    if argv is not command:
                        got = json.load(open(os.path.join(engine.work, "rows.json")))
                        faults += not compare(f"{title}: {command}", got, want)
        if not hunts:
            sys.exit(f"{title} shows no hunt")
        return hunts, faults


def main():
    p = argparse.ArgumentParser()
    p.add_argument("vedette")
    p.add_argument("--cases")
    p.add_argument("--sets", type=int, default=20)
    p.add_argument("--docs")
    p.add_argument("--trino")
    p.add_argument("--few", action="store_true", help="few cases and stretches of time, whatever the client")
    p.add_argument("--engines", default=",".join(ENGINES))
    a = p.parse_args()
    program = os.path.abspath(a.vedette)
    Trino.home = a.trino
    failed, missing = 0, 0
    with tempfile.TemporaryDirectory() as work:
        os.chmod(work, 0o755)
        trail = [r for n in range(a.sets) for r in generated(n, others=True)]
        files = os.path.join(work, "trail")
        os.makedirs(os.path.join(files, "a", "b"))
        # As CloudTrail delivers, one a line, and as an array over many lines.
        third = len(trail) // 3
        with gzip.open(os.path.join(files, "a", "b", "1.json.gz"), "wt") as f:
            json.dump({"Records": trail[:third]}, f)
        with open(os.path.join(files, "a", "2.jsonl"), "w") as f:
            f.writelines(json.dumps(r) + "\n" for r in trail[third:2 * third])
        with open(os.path.join(files, "3.json"), "w") as f:
            json.dump(trail[2 * third:], f, indent=1)
        tumbling = ["--rows", "--window", "tumbling"]
        want = {name: vedette(program, files, *(["--profile", "seed"] if args is None else [*tumbling, *args])) for name, (_, args) in ASKED.items()}
        bursts = union_of_findings(vedette(program, files))
        named = list(cases(a.cases)) if a.cases else []
        for which in a.engines.split(","):
            try:
                e = ENGINES[which](tempfile.mkdtemp(dir=work))
            except Exception as err:  # whatever keeps it from starting
                print(f"{which}: SKIPPED: {err}")
                missing += 1
                continue
            os.chmod(e.work, 0o755)
            few = a.few or e.few
            some = [c for c in named if c[0] in ("quotes", "unicode", "nulls", "versions")] if few else named
            untold = {"u_": trail + untimed(trail)} if e.goes_on else {}
            e.load({"": trail, **untold, **{f"c{i}_": rows for i, (_, rows, *_) in enumerate(some)}})
            asked, rows, faults = 0, 0, 0

            def check(label, got, wanted):
                nonlocal asked, rows, faults
                asked, rows = asked + 1, rows + len(got)
                faults += not compare(f"{which}, {label}", got, wanted)

            for i, (name, _, wanted, detection, _) in enumerate(some):
                of = [t for t in e.tables(f"c{i}_")]
                got = hunt(program, e, *of, detection=detection or "T1580")
                check(f"case {name}", got, wanted)
            if untold:
                check("records without a time", hunt(program, e, *e.tables("u_")), want["rows"])
            own = e.tables("") if e.dialect_args else []
            for name, (args, _) in ASKED.items():
                check(name, hunt(program, e, *own, *args), want[name])
            for since, until in RANGES[:2] if few else RANGES:
                since, until = (t and f"{BASE}:{t}Z" for t in (since, until))
                args = [x for flag, t in (("--since", since), ("--until", until)) if t for x in (flag, t)]
                check(" ".join(args), hunt(program, e, *own, *args), within(want["rows"], since, until))
            # A range that holds all of the sets, in all its conditions.
            got = hunt(program, e, *own, "--window", "overlapping", "--since", "2024-05-06", "--until", "2024-05-07")
            asked, rows = asked + 1, rows + len(got)
            if union_of_rows(got) != bursts:
                faults += 1
                print(f"{which}, overlapping: other bursts")
            if which == "duckdb":
                with open(os.path.join(files, "untimed.jsonl"), "w") as f:
                    f.writelines(json.dumps(r) + "\n" for r in untimed(trail))
                for name, (args, _) in ASKED.items():
                    check(f"files, {name}", hunt(program, e, "--from", files, *args, connect=False), want[name])
            if a.docs and which in DOCUMENTED:
                n, f = documented(Documented(a.docs), which, e, program)
                asked, faults = asked + n, faults + f
            e.close()
            print(f"{which}: {len(some)} cases, {a.sets} generated sets, {asked} hunts, {rows} rows, {faults} differences")
            failed += faults > 0 or rows == 0
    sys.exit(1 if failed else 77 if missing == len(a.engines.split(",")) else 0)


# Sections of the document by engine.
DOCUMENTED = {"duckdb": "DuckDB", "psql": "PostgreSQL", "clickhouse": "ClickHouse", "spark-sql": "Spark"}


def documented(docs, which, e, program):
    """Runs a section over logs of one set, in a folder of their own."""
    logs = os.path.join(e.work, "logs")
    os.makedirs(logs)
    trail = generated(7)
    for i in range(0, len(trail), 40):
        with gzip.open(os.path.join(logs, f"{i}.json.gz"), "wt") as f:
            json.dump({"Records": trail[i:i + 40]}, f)
    want = vedette(program, logs, "--rows", "--window", "tumbling")
    if not want:
        sys.exit("the documented set has no row")
    # Tables of the checks above make room for those of the document.
    drop = {"duckdb": lambda: os.remove(e.args[0]), "psql": lambda: e.server.cur.execute("DROP TABLE cloudtrail"),
            "clickhouse": lambda: e.run(["clickhouse-client"], "DROP TABLE cloudtrail;\n"),
            "spark-sql": lambda: script(e, "DROP TABLE cloudtrail;\n")}[which]
    drop()
    run = {"duckdb": lambda text: e.run(["duckdb", "-bail", "trail.duckdb"], text), "psql": lambda text: e.run(["psql", "-v", "ON_ERROR_STOP=1"], text),
           "clickhouse": lambda text: e.run(["clickhouse-client"], text), "spark-sql": lambda text: script(e, text)}[which]
    return docs.run(DOCUMENTED[which], e, program, want, run)


def script(e, text):
    path = os.path.join(e.work, "documented.sql")
    with open(path, "w") as f:
        f.write(text)
    e.run(["spark-sql", "-S", "-f", path], "")


if __name__ == "__main__":
    main()
