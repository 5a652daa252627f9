"""Executes Sigma correlations, with pySigma's SQLite backend and where it is
to be had with rsigma, and compares the callers and accounts that alert with
the findings of `vedette scan`.

    sigma_run.py VEDETTE [--sets N] [--cases DIR] [--trail DIR] [--rsigma PROGRAM]

Both engines lay a window before each event and take both its ends for part of
it; Vedette's does not hold its end, so that time spans are a second shorter
here. Declared losses are kept out of the trails, or of what is expected:
callers without an ARN or an account of their own, and names that two services
share.
"""

import argparse
import glob
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile

from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.correlations import SigmaCorrelationRule

from trails import cases, generated, records, vedette


def flat(record, prefix=""):
    """A record as dotted fields; the request parameters stay one text."""
    out = {}
    for k, v in record.items():
        if k == "requestParameters":
            out[k] = json.dumps(v, sort_keys=True)
        elif isinstance(v, dict):
            out.update(flat(v, prefix + k + "."))
        elif v is not None:
            out[prefix + k] = v if isinstance(v, (str, int, float)) and not isinstance(v, bool) else json.dumps(v)
    return out


def principal(r):
    """The principal of a record as findings name it, None without an ARN."""
    u = r["userIdentity"]
    issuer = u.get("sessionContext", {}).get("sessionIssuer", {}).get("arn")
    if issuer and u["type"] in ("AssumedRole", "Role", "FederatedUser"):
        return issuer + "/" + u["arn"].split("/", 2)[2] if "/AWSReservedSSO_" in issuer else issuer
    return u.get("arn")


def named(rows):
    """What Sigma groups by, and the principal that findings name for it."""
    names = {}
    for r in rows:
        u = r["userIdentity"]
        issuer = u.get("sessionContext", {}).get("sessionIssuer", {}).get("arn") or ""
        for key in (u.get("arn"), issuer):
            if key and principal(r):
                names.setdefault(key.lower(), principal(r))
        if "/AWSReservedSSO_" not in issuer and issuer and u["type"] in ("AssumedRole", "Role", "FederatedUser"):
            names[issuer.lower()] = issuer
    return names


class SQLite:
    def __init__(self, text):
        # Both ends are part of a window.
        self.text = re.sub(r"timespan: (\d+)m", lambda m: f"timespan: {int(m[1]) * 60 - 1}s", text)
        collection = SigmaCollection.from_yaml(self.text)
        self.fields = set()
        for rule in collection.rules:
            backend = sqliteBackend(timestamp_field="eventTime", event_id_field="rowid")
            if not isinstance(rule, SigmaCorrelationRule):
                self.fields |= set(backend.required_fields(rule))
        self.queries = list(self.convert(SigmaCollection.from_yaml(self.text)))

    def convert(self, collection):
        """Each correlation that stands by itself, with its level."""
        backend = sqliteBackend(timestamp_field="eventTime", event_id_field="rowid")
        backend.convert(collection)
        for rule in collection.rules:
            if isinstance(rule, SigmaCorrelationRule):
                self.fields |= set(rule.group_by) | {f for a in rule.aliases for f in a.mapping.values()}
                field = getattr(rule.condition, "fieldref", None)
                self.fields |= {field} if field else set()
                if rule._output:
                    yield str(rule.level).lower(), rule.get_conversion_result()[0]

    def run(self, rows):
        """(level, group) of every alert."""
        flats = [flat(r) for r in rows]
        fields = sorted(self.fields | {"eventTime"}, key=str.lower)
        con = sqlite3.connect(":memory:")
        con.create_function("REGEXP", 2, lambda pattern, s: s is not None and re.search(pattern, str(s)) is not None)
        con.execute("CREATE TABLE logs (" + ", ".join(f"`{f}` TEXT COLLATE NOCASE" for f in fields) + ")")
        con.executemany(f"INSERT INTO logs VALUES ({', '.join('?' * len(fields))})", [[f.get(k) for k in fields] for f in flats])
        found = set()
        for level, query in self.queries:
            cursor = con.execute(query)
            names = [d[0] for d in cursor.description]
            for row in cursor:
                found.add((level, tuple(json.loads(dict(zip(names, row))["group_keys"]).values())))
        return found


class Rsigma:
    def __init__(self, program, text, work):
        self.program, self.work = program, work
        self.text = re.sub(r"timespan: (\d+)m", lambda m: f"timespan: {int(m[1]) * 60 - 1}s", text)
        with open(f"{work}/rules.yml", "w") as f:
            f.write(self.text)

    def run(self, rows):
        with open(f"{self.work}/events.ndjson", "w") as f:
            for r in sorted(rows, key=lambda r: r["eventTime"]):
                f.write(json.dumps(r) + "\n")
        out = subprocess.run([self.program, "engine", "eval", "-r", f"{self.work}/rules.yml", "-e", f"@{self.work}/events.ndjson", "--no-detections",
                              "--timestamp-field", "eventTime", "--output-format", "ndjson", "--quiet"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        found = set()
        for line in out.stdout.splitlines():
            alert = json.loads(line)
            if "group_key" in alert:
                found.add((alert["level"].lower(), tuple(v.lower() for _, v in alert["group_key"])))
        return found


def main():
    p = argparse.ArgumentParser()
    p.add_argument("vedette")
    p.add_argument("--sets", type=int, default=20)
    p.add_argument("--cases")
    p.add_argument("--trail")
    p.add_argument("--rsigma")
    a = p.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as work:
        files, rules = {}, {}
        for name in ("T1580", "T1580.denied", "T1580.sweep"):
            files[name] = f"{work}/{name}.yaml"
            with open(files[name], "w") as f:
                f.write(subprocess.run([a.vedette, "detection", "show", name], check=True, stdout=subprocess.PIPE, text=True).stdout)
        subprocess.run([a.vedette, "compile", "T1580", "-t", "sigma", "--cloud", "aws", "-o", f"{work}/out"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([a.vedette, "compile", "T1580", "-t", "sigma", "--profile", "seed", "--cloud", "aws", "-o", f"{work}/out"], check=True, stdout=subprocess.DEVNULL)
        for path in glob.glob(f"{work}/out/sigma/*.yml"):
            rules[os.path.basename(path)[:-4]] = open(path).read()
        of = {"T1580": "t1580-burst", "T1580.denied": "t1580-denied", "T1580.sweep": "t1580-sweep"}
        engines = {}
        for name in sorted(rules):
            if name == "t1580-seed.bands":
                continue
            engines["SQLite", name] = SQLite(rules[name])
            if a.rsigma:
                os.makedirs(f"{work}/{name}")
                engines["rsigma", name] = Rsigma(a.rsigma, rules[name], f"{work}/{name}")
        ran = {}

        def ask(engine, name, rows, sessions=False):
            names = {r["userIdentity"].get("arn", "").lower(): r["userIdentity"].get("arn") for r in rows} if sessions else named(rows)
            found = {(level, names.get(g[0].lower(), g[0]), g[1]) for level, g in engines[engine, name].run(rows) if len(g) == 2}
            ran[engine, name] = ran.get((engine, name), 0) + len({f[1:] for f in found})
            return found

        def compare(where, rows, detection="T1580", without=()):
            """Alerts of the primary form and of the joined one are the findings."""
            nonlocal failed
            once = list({r.get("eventID", str(i)): r for i, r in enumerate(rows)}.values())
            with open(f"{work}/trail.json", "w") as f:
                json.dump({"Records": once}, f)
            report = vedette(a.vedette, f"{work}/trail.json", "--detection", files[detection])
            lost = {r.get("recipientAccountId") for r in once if principal(r) and not r["userIdentity"].get("accountId")}
            findings = [x for x in report["findings"] if x["scope"] == "account" and x["actor"]["uid"].startswith("arn:") and x["cloud"]["account"]["uid"] not in lost]
            want = {(x["actor"]["uid"], x["cloud"]["account"]["uid"]): x["risk_score"] for x in findings}
            for engine, name in engines:
                base = of[detection]
                if engine in without or name not in (base, base + ".joined") or engine == "rsigma" and "sweep" in base:
                    continue  # rsigma reads records as they are, where the parameters are no text
                got = {f[1:] for f in ask(engine, name, once)}
                if got != set(want):
                    failed += 1
                    print(f"{where}, {engine}, {name}: only there {sorted(got - set(want))[:2]}, only vedette {sorted(set(want) - got)[:2]}")
            if detection != "T1580":
                return
            # Bands of two counts: the two need not be in one window, so that
            # more may alert, but none less; no more where all calls lie in one.
            within = {}
            for r in once:
                within.setdefault((principal(r), r["userIdentity"].get("accountId")), []).append(r["eventTime"])
            for engine in sorted({e for e, _ in engines} - set(without)):
                found = ask(engine, "t1580-burst.bands", once)
                for level, risk in (("medium", 70), ("high", 90)):
                    got, least = {f[1:] for f in found if f[0] == level}, {k for k, v in want.items() if v >= risk}
                    short = {k for k in got if within.get(k) and seconds(max(within[k])) - seconds(min(within[k])) < 900}
                    if not least <= got or not short <= least:
                        failed += 1
                        print(f"{where}, {engine}, bands, {risk}: missing {sorted(least - got)[:2]}, too many {sorted(short - least)[:2]}")

        def seed(where, rows):
            """Fixed bins lie within windows that slide: more may alert, but
            none less."""
            nonlocal failed
            with open(f"{work}/trail.json", "w") as f:
                json.dump({"Records": rows}, f)
            least = {(x["Identity"], x["AccountId"]) for x in vedette(a.vedette, f"{work}/trail.json", "--profile", "seed")}
            for engine in sorted({e for e, _ in engines}):
                got = {f[1:] for f in ask(engine, "t1580-seed", rows, sessions=True)}
                if not least <= got:
                    failed += 1
                    print(f"{where}, {engine}, seed: missing {sorted(least - got)[:2]}")

        n = 0
        for i in range(a.sets):
            seed(f"set {i}", generated(i))
            # DescribeClusters is a name of two services.
            compare(f"set {i}", [r for r in generated(i) if r["eventSource"] != "redshift.amazonaws.com"])
            compare(f"set {i}, refused", [r for r in generated(i) if r["eventSource"] != "redshift.amazonaws.com"], "T1580.denied")
            n += 1
        if a.trail and a.rsigma:
            # SQLite's plans take time by the square of what one caller does.
            compare("trail", [r for r in records(a.trail) if "userIdentity" in r], without=["SQLite"])
            n += 1
        for name, rows, _, detection, _ in cases(a.cases) if a.cases else []:
            rows = [r for r in rows if "userIdentity" in r]
            if rows:
                compare("case " + name, rows, detection or "T1580")
                n += 1
        failed += filters(a.vedette, work)
        if a.rsigma:
            failed += lint(a.vedette, a.rsigma, work)
    print(f"{n} sets: " + ", ".join(f"{v} alerting in {k[1]} by {k[0]}" for k, v in sorted(ran.items())) + f"; {failed} differences")
    sys.exit(1 if failed or not all(v for k, v in ran.items()) else 0)


def seconds(stamp):
    import calendar
    import time
    return calendar.timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ"))


def filters(program, work):
    """A filter takes out the identity that it names and no other."""
    subprocess.run([program, "compile", "T1580", "-t", "sigma", "--cloud", "aws", "--package", "-o", f"{work}/package"], check=True, stdout=subprocess.DEVNULL)
    text = open(f"{work}/package/sigma/rules/correlation_t1580_burst.yml").read()
    filter = open(glob.glob(f"{work}/package/sigma/filters/*.yml")[0]).read()
    rows = [r for i in range(5) for r in generated(i) if r["userIdentity"].get("arn")]
    every = {g[0] for _, g in SQLite(text).run(rows)}
    users = sorted(x for x in every if ":user/" in x)
    roles = sorted(x for x in every if ":role/" in x)
    wrong = 0
    for identity in (users[0], roles[0]):
        left = {g[0] for _, g in SQLite(text + "---\n" + filter.replace("no-identity", json.dumps(identity))).run(rows)}
        if left != every - {identity}:
            wrong += 1
            print(f"filter on {identity}: {sorted(every - left)} are gone")
    return wrong


def lint(program, rsigma, work):
    """rsigma takes the package, by its checks of the specification too."""
    subprocess.run([program, "compile", "T1580", "T1087.004", "-t", "sigma", "--package", "-o", f"{work}/lint"], check=True, stdout=subprocess.DEVNULL)
    wrong = 0
    for command in (["rule", "lint", "--fail-level", "info"], ["rule", "validate"]):
        out = subprocess.run([rsigma, *command, f"{work}/lint/sigma"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if out.returncode or "Compiled OK" not in out.stdout and "0 failed" not in out.stdout:
            wrong += 1
            print(f"rsigma {' '.join(command)}: {out.stdout[-1500:]}")
    return wrong


main()
