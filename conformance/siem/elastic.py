"""Checks what is compiled for Elastic: ES|QL by the grammar of Elasticsearch
(esql-parser), EQL by Python eql, which also executes it.

    elastic.py VEDETTE [--sets N]

Executed EQL must find the identities and accounts that `vedette scan` finds
with a trigger of ten calls in sliding windows, in trails where the name as
logged is the principal.
"""

import argparse
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

import eql
from antlr4 import CommonTokenStream, InputStream
from antlr4.error.ErrorListener import ErrorListener
from esql_parser.EsqlBaseLexer import EsqlBaseLexer
from esql_parser.EsqlBaseParser import EsqlBaseParser

from trails import generated, vedette


class Faults(ErrorListener):
    def __init__(self):
        self.list = []

    def syntaxError(self, recognizer, symbol, line, column, msg, e):
        self.list.append(f"{line}:{column}: {msg}")


def esql(text):
    """The syntax errors of an ES|QL query."""
    faults = Faults()
    lexer = EsqlBaseLexer(InputStream(text))
    lexer.removeErrorListeners()
    lexer.addErrorListener(faults)
    parser = EsqlBaseParser(CommonTokenStream(lexer))
    parser.removeErrorListeners()
    parser.addErrorListener(faults)
    parser.singleStatement()
    return faults.list


def parse(text):
    with eql.parser.elasticsearch_syntax, eql.parser.allow_runs, eql.parser.ignore_missing_functions:
        return eql.parse_query(text)


def document(r):
    """A CloudTrail record as the integration's document, in what rules read."""
    u = r["userIdentity"]
    doc = {"data_stream": {"dataset": "aws.cloudtrail"}, "event": {"action": r["eventName"], "provider": r["eventSource"], "id": r["eventID"]},
           "cloud": {"account": {"id": u.get("accountId", r.get("recipientAccountId"))}, "region": r.get("awsRegion")},
           "aws": {"cloudtrail": {"user_identity": {"type": u.get("type"), "arn": u.get("arn")}, "event_type": r.get("eventType")}}}
    if u.get("invokedBy"):
        doc["aws"]["cloudtrail"]["user_identity"]["invoked_by"] = u["invokedBy"]
    if r.get("errorCode"):
        doc["aws"]["cloudtrail"]["error_code"] = r["errorCode"]
    return doc


def run(query, trail):
    """The (identity, account) pairs of the sequences that a query finds."""
    import calendar
    import time
    found = set()
    # Elasticsearch matches an expression with the whole of a value and by case
    # ("Regular expression syntax", "EQL syntax reference"); Python eql does
    # neither.
    query = re.sub(r'regex "((?:[^"\\]|\\.)*)"', lambda m: f'regex "(?-i:{m[1]})$"', query)
    with eql.parser.elasticsearch_syntax, eql.parser.allow_runs, eql.parser.ignore_missing_functions:
        engine = eql.PythonEngine({"flatten": False})
        engine.add_query(eql.parse_query(query))

    def note(match):
        # Repeated events stand in lists of their own.
        while not hasattr(match, "data"):
            match = next(e for e in match if e)
        data = match.data
        found.add((data["aws"]["cloudtrail"]["user_identity"]["arn"], data["cloud"]["account"]["id"]))
    engine.add_output_hook(note)
    events = []
    for r in trail:
        stamp = calendar.timegm(time.strptime(r["eventTime"], "%Y-%m-%dT%H:%M:%SZ"))
        events.append((stamp, r))
    for stamp, r in sorted(events, key=lambda x: x[0]):
        engine.stream_event(eql.Event("any", stamp * 10_000_000, document(r)))
    engine.finalize()
    return found


def main():
    p = argparse.ArgumentParser()
    p.add_argument("vedette")
    p.add_argument("--sets", type=int, default=20)
    a = p.parse_args()
    failed = 0
    for wrong in ("FROM a | WHERE (x", "FROM a | EVIL x", "FROM a | STATS BY BY"):
        if not esql(wrong):
            sys.exit(f"the ES|QL grammar takes {wrong}")
    try:
        parse('sequence by x with maxspan=1m [any where a == ] with runs=2')
        sys.exit("the EQL parser takes a wrong query")
    except eql.errors.EqlError:
        pass
    with tempfile.TemporaryDirectory() as work:
        for window in ("tumbling", "overlapping"):
            for identity in ("principal", "session"):
                for cloud in ("aws", "azure", "gcp"):
                    subprocess.run([a.vedette, "compile", "T1580", "-t", "elastic", "--window", window, "--identity", identity, "--cloud", cloud,
                                    "-o", f"{work}/{window}-{identity}-{cloud}"], check=True, stdout=subprocess.DEVNULL)
                subprocess.run([a.vedette, "compile", "T1580", "T1087.004", "-t", "elastic", "--window", window, "--identity", identity, "-o", f"{work}/{window}-{identity}"],
                               check=True, stdout=subprocess.DEVNULL)
        subprocess.run([a.vedette, "compile", "T1580", "-t", "elastic", "--profile", "seed", "-o", f"{work}/seed"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([a.vedette, "compile", "T1580", "-t", "elastic", "--package", "-o", f"{work}/package"], check=True, stdout=subprocess.DEVNULL)
        n = {".esql": 0, ".eql": 0}
        for path in glob.glob(f"{work}/**/*.*ql", recursive=True):
            text, kind = open(path).read(), os.path.splitext(path)[1]
            n[kind] += 1
            try:
                faults = esql(text) if kind == ".esql" else (parse(text) and [])
            except eql.errors.EqlError as err:
                faults = [str(err)]
            if faults:
                failed += 1
                print(f"{path[len(work) + 1:]}: {faults[0]}")
        lines = 0
        for path in glob.glob(f"{work}/package/**/rules*.ndjson", recursive=True):
            for line in open(path):
                rule = json.loads(line)
                lines += 1
                if rule["language"] == "esql" and esql(rule["query"]) or rule["language"] == "eql" and not parse(rule["query"]):
                    failed += 1
                    print(f"{rule['name']}: its query has faults")
        print(f"{n['.esql']} ES|QL and {n['.eql']} EQL texts, {lines} rules, {failed} with faults")

        # EQL executed: ten calls, sliding.
        detection = os.path.join(work, "ten.yaml")
        text = subprocess.run([a.vedette, "detection", "show", "T1580"], check=True, stdout=subprocess.PIPE, text=True).stdout
        head, _, _ = text.partition("examples:")
        head = head.replace("id: T1580", "id: TEN", 1)
        with open(detection, "w") as f:
            f.write(ten(head))
        subprocess.run([a.vedette, "compile", detection, "-t", "elastic", "--cloud", "aws", "-o", f"{work}/ten"], check=True, stdout=subprocess.DEVNULL)
        query = open(glob.glob(f"{work}/ten/elastic/*.eql-cloudtrail-management.eql")[0]).read()
        pairs = 0
        for i in range(a.sets):
            trail = [r for r in generated(i) if r["userIdentity"]["type"] in ("IAMUser", "Root")]
            once = list({r["eventID"]: r for r in trail}.values())
            path = os.path.join(work, "trail.json")
            with open(path, "w") as f:
                json.dump({"Records": once}, f)
            report = vedette(a.vedette, path, "--detection", detection)
            want = {(x["actor"]["uid"], x["cloud"]["account"]["uid"]) for x in report["findings"] if x["scope"] == "account"}
            got = run(query, once)
            pairs += len(got)
            if got != want:
                failed += 1
                print(f"set {i}: EQL {sorted(got - want)}, vedette {sorted(want - got)}")
        print(f"EQL executed on {a.sets} sets: {pairs} identities and accounts, {failed} differences")
        failed += pairs == 0
    sys.exit(1 if failed else 0)


def ten(text):
    """The detection with a trigger of ten calls alone."""
    out, skip = [], False
    for line in text.splitlines():
        if line.startswith("windows:"):
            out += ["windows:", "  - name: ten", "    length: 15m", "    kind: sliding", "    trigger: {events: 10}", "    bands:", "      - {risk: 50, events: 10}", ""]
            skip = True
            continue
        if skip and line and not line.startswith((" ", "#")):
            skip = False
        if not skip:
            out.append(line)
    out += ["examples:", "  fire:", "    - name: ten calls", "      risk: 50", "      events:", "        - {cloud: aws, service: ec2.amazonaws.com, api: DescribeInstances, count: 10, every: 1s}",
            "  silent:", "    - name: nine calls", "      events:", "        - {cloud: aws, service: ec2.amazonaws.com, api: DescribeInstances, count: 9, every: 1s}"]
    return "\n".join(out) + "\n"


main()
