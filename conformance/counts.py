#!/usr/bin/env python3
"""Counts what folders of real audit logs hold, and holds Vedette's summary
against it.

    counts.py LOGS [--vedette PROGRAM] [--json FILE]

LOGS has one folder per cloud and in it one folder per set
(aws/<set>/..., azure/<set>/..., gcp/<set>/..., ocsf/<set>/...). A row of the
table is a set. The left figures are this script's own reading of the files,
with nothing but Python's json, csv and gzip; the right ones are the summary
of `vedette scan SET --format json`. Without --vedette only the left half is
printed. Exit status 1: a figure differs.

What the figures mean:
  records     objects that are or claim to be a log record, envelopes opened
  events      audited calls: they have a time and an API
  duplicates  events whose log id was seen before in the set
  skipped     log records that are no audited call: digests, Insights,
              notices, Workspace and Kubernetes entries, application text,
              and JSON objects that are no log record at all
  unparsed    records that are an audited call, but broken: no time, no API,
              or text that is not JSON
A file that holds neither JSON nor a table of logs (a licence, a README) has
no records.
"""

import argparse
import base64
import csv
import gzip
import io
import json
import os
import re
import subprocess
import sys

FIGURES = ("files", "records", "events", "duplicates", "skipped", "unparsed")
# With 30 days of records in one file this is still far from the limit.
csv.field_size_limit(1 << 24)


class Count:
    def __init__(self):
        self.files = self.records = self.events = 0
        self.duplicates = self.skipped = self.unparsed = 0
        self.ids = set()
        self.broken = []

    def row(self):
        return {k: getattr(self, k) for k in FIGURES}

    def add(self, kind, ident=None, where="", why=""):
        self.records += 1
        if kind == "event":
            self.events += 1
            if ident in self.ids:
                self.duplicates += 1
            self.ids.add(ident)
        elif kind == "skipped":
            self.skipped += 1
        else:
            self.unparsed += 1
            self.broken.append((where, why))


def get(o, *names):
    """The value of the first of these keys that has one, whatever its case."""
    if not isinstance(o, dict):
        return None
    lower = {k.lower(): v for k, v in o.items()}
    for n in names:
        v = lower.get(n.lower())
        if v not in (None, ""):
            return v
    return None


def has(o, *names):
    """Whether the object has any of these keys, in this very case."""
    return any(n in o for n in names)


def whole(o):
    return "whole:" + json.dumps(o, sort_keys=True)


# --- envelopes -------------------------------------------------------------

def unwrap(o):
    """Opens one object; yields the records in it, or itself."""
    if isinstance(o, list):
        for x in o:
            yield from unwrap(x)
        return
    if not isinstance(o, dict):
        yield o
        return
    # {"Records":[...]}, {"records":[...]}, {"value":[...]}, {"entries":[...]}
    for key in ("Records", "records", "value", "entries", "expected"):
        if isinstance(o.get(key), list) and not has(o, "eventName", "operationName", "protoPayload", "input"):
            for x in o[key]:
                yield from unwrap(x)
            return
    # lookup-events of the CLI; filter-log-events has events in lower case
    if isinstance(o.get("Events"), list):
        for x in o["Events"]:
            yield from unwrap(x)
        return
    if isinstance(o.get("events"), list) and o["events"] and "message" in o["events"][0]:
        for x in o["events"]:
            yield from unwrap(text(x["message"]))
        return
    if isinstance(o.get("CloudTrailEvent"), str):
        yield from unwrap(text(o["CloudTrailEvent"]))
        return
    # CloudWatch Logs subscription
    if o.get("messageType") in ("DATA_MESSAGE", "CONTROL_MESSAGE") and "logEvents" in o:
        for x in o["logEvents"] if o["messageType"] == "DATA_MESSAGE" else []:
            yield from unwrap(text(x["message"]))
        return
    # Pub/Sub push
    if isinstance(o.get("message"), dict) and isinstance(o["message"].get("data"), str):
        yield from unwrap(text(base64.b64decode(o["message"]["data"]).decode("utf-8", "replace")))
        return
    # EventBridge: only CloudTrail's own detail is a record in an envelope
    if "detail-type" in o and isinstance(o.get("detail"), dict) and "via CloudTrail" in str(o["detail-type"]):
        yield from unwrap(o["detail"])
        return
    # CloudEvents, structured
    if "specversion" in o and isinstance(o.get("data"), dict):
        yield from unwrap(o["data"])
        return
    # a collector's test case around the message as it came in
    if isinstance(o.get("input"), dict) and isinstance(o["input"].get("message"), str):
        yield from unwrap(text(o["input"]["message"]))
        return
    yield o


class Broken:
    def __init__(self, why):
        self.why = why


def text(s):
    try:
        return json.loads(s, strict=False)
    except ValueError as e:
        return Broken(str(e))


# --- records ---------------------------------------------------------------

def judge(o):
    """Returns (event|skipped|unparsed, id, reason) of a record."""
    if isinstance(o, Broken):
        return "unparsed", None, o.why
    if not isinstance(o, dict):
        return "skipped", None, ""
    for rule in (ocsf, ecs, aws, gcp, azure):
        verdict = rule(o)
        if verdict:
            return verdict
    return "skipped", None, ""


def a_time(v):
    """The value, if it can be a time: a date, or seconds since the epoch."""
    if isinstance(v, (int, float)) or isinstance(v, str) and re.match(r"\d{1,4}[-/]\d{1,2}[-/]\d|\d{10}", v):
        return v
    return None


def needs(ident, o, **parts):
    missing = [name for name, v in parts.items() if v in (None, "")]
    if missing:
        return "unparsed", None, "no " + ", no ".join(missing)
    return "event", ident or whole(o), ""


def aws(o):
    if has(o, "digestStartTime") or o.get("eventType") == "AwsCloudTrailInsight" or get(o, "eventCategory") == "Insight":
        return "skipped", None, ""
    if isinstance(o.get("s3"), dict) or has(o, "detail-type"):
        return "skipped", None, ""
    if sum(get(o, k) is not None for k in ("eventName", "eventSource", "eventVersion", "eventID", "userIdentity", "eventType")) < 2:
        return None
    shared = get(o, "sharedEventID")
    ident = get(o, "eventID")
    return needs(
        shared and "aws:" + shared or ident and "aws:" + ident, o,
        # logstash and a data lake keep the time elsewhere
        eventTime=a_time(get(o, "eventTime", "@timestamp", "p_event_time")),
        eventName=get(o, "eventName"),
        eventSource=get(o, "eventSource"),
    )


def gcp(o):
    payload = get(o, "protoPayload")
    log = get(o, "logName") or ""
    if not isinstance(payload, dict):
        if has(o, "jsonPayload", "textPayload") or log:
            return "skipped", None, ""
        return None
    method, service = get(payload, "methodName"), get(payload, "serviceName") or ""
    if service == "k8s.io" or str(method).startswith("io.k8s."):
        return "skipped", None, ""
    if service in ("login.googleapis.com", "admin.googleapis.com", "cloudidentity.googleapis.com") or str(log).startswith("organizations/") and "google.login" in str(method):
        return "skipped", None, ""
    if log and "cloudaudit" not in str(log):
        return "skipped", None, ""
    insert, time = get(o, "insertId"), a_time(get(o, "timestamp", "p_event_time"))
    ident = insert and f"gcp:{log}:{time}:{insert}"
    operation = get(o, "operation")
    if get(operation, "id"):
        # The first and the last entry of a long operation are one act.
        ident = f"gcp:operation:{operation['id']}:{method}"
    return needs(ident, o, timestamp=time, methodName=method)


# The categories of the activity log that hold calls (ServiceHealth,
# ResourceHealth, Alert, Security and Recommendation are notices of the
# platform), and of the resource logs that are audits.
AZURE_ACTIVITY = {"Administrative", "Action", "Write", "Delete", "Policy", "Autoscale"}
AZURE_RESOURCE = {"AuditEvent", "StorageRead", "StorageWrite", "StorageDelete", "MicrosoftGraphActivityLogs"}


def azure(o):
    op = get(o, "operationName", "operation_name", "OperationNameValue")
    time = get(o, "time", "eventTimestamp", "event_timestamp", "TimeGenerated")
    if isinstance(op, dict):
        op = op.get("value")
    if op is None and time is None:
        return None
    if not (get(o, "resourceId", "resource_id", "correlationId", "correlation_id", "caller", "_ResourceId", "subscriptionId") or get(o, "category")):
        return None
    category = get(o, "category")
    if isinstance(category, dict):
        category = category.get("value")
    if category and category not in AZURE_ACTIVITY | AZURE_RESOURCE:
        return "skipped", None, ""
    ident = get(o, "eventDataId", "event_data_id")
    correlation, resource = get(o, "correlationId", "correlation_id"), get(o, "resourceId", "resource_id")
    if not ident and correlation and category not in AZURE_RESOURCE:
        # Start and end of one operation are one act.
        ident = f"{correlation}:{op}:{resource}".lower()
    return needs(ident and "azure:" + ident, o, time=a_time(time), operationName=op)


def ecs(o):
    if not ("ecs" in o and isinstance(o.get("event"), dict)):
        return None
    e = o["event"]
    return needs(e.get("id") and "ecs:" + str(e["id"]), o, timestamp=o.get("@timestamp"), action=e.get("action"))


def ocsf(o):
    if "class_uid" not in o:
        return None
    uid = o.get("metadata", {}).get("uid") or o.get("metadata", {}).get("event_code") and None
    op = o.get("api", {}).get("operation") if isinstance(o.get("api"), dict) else None
    # IAM changes are 3001 and sign-ins 3002: CloudTrail events as well.
    if o["class_uid"] not in (3005, 6003, 3001, 3002):
        return "skipped", None, ""
    return needs(uid and "aws:" + uid, o, time=o.get("time"), operation=op)


# --- files -----------------------------------------------------------------

TABLES = (
    ({"EventName", "UserIdentityArn"}, ("EventName",), "AwsEventId"),  # Sentinel AWSCloudTrail
    ({"Operation", "EventProduct", "EventSchema"}, ("Operation",), None),  # Sentinel ASIM
    ({"OperationNameValue", "Caller"}, ("OperationNameValue",), "EventDataId"),  # AzureActivity
    ({"Event Name", "Event DateTime", "Event ID"}, ("Event Name",), "Event ID"),  # S3 data events of a honeypot
)


def tables(s, count, name):
    """Counts the rows of a CSV file with a known header; False if it is not one."""
    rows = csv.DictReader(io.StringIO(s, newline=""))
    header = set(rows.fieldnames or ())
    for need, api, ident in TABLES:
        if not need <= header:
            continue
        for n, row in enumerate(rows, 1):
            time = row.get("TimeGenerated [UTC]") or row.get("TimeGenerated") or row.get("Event DateTime")
            key = ident and row.get(ident)
            kind, key, why = needs(key and "aws:" + key, row, TimeGenerated=time, API=row.get(api[0]))
            count.add(kind, key, f"{name}:{n}", why)
        return True
    return False


def without_trailing_commas(s):
    """The one value of a text whose only fault is a comma before a closing
    bracket, else None. Strings are passed over whole."""
    token = re.compile(r"""("(?:[^"\\]|\\.)*")|,(\s*[}\]])""", re.S)
    try:
        return json.loads(token.sub(lambda m: m[1] or m[2], s), strict=False)
    except ValueError:
        return None


SPACE = re.compile(r"[\s,]*")


def objects(s):
    """The JSON values of a text one after the other; Broken where none can be
    read, going on at the next line that begins one."""
    dec, i = json.JSONDecoder(strict=False), 0
    while True:
        i = SPACE.match(s, i).end()
        if i >= len(s):
            return
        try:
            v, i = dec.raw_decode(s, i)
        except ValueError as e:
            if (v := without_trailing_commas(s[i:])) is not None:
                yield v
                return
            yield Broken(str(e))
            following = s.find("\n{", i + 1)
            if following < 0:
                return
            i = following + 1
            continue
        yield v


def read(path, count, name):
    count.files += 1
    raw = open(path, "rb").read()
    if raw[:2] == b"\x1f\x8b":
        raw = gzip.decompress(raw)
    s = raw.decode("utf-8-sig", "replace")
    if s.lstrip()[:1] not in ("{", "["):
        tables(s, count, name)
        return
    n = 0
    for o in objects(s):
        for r in [o] if isinstance(o, Broken) else unwrap(o):
            n += 1
            kind, ident, why = judge(r)
            count.add(kind, ident, f"{name}:{n}", why)


def count_set(folder):
    count = Count()
    for at, dirs, names in os.walk(folder):
        dirs.sort()
        for n in sorted(names):
            p = os.path.join(at, n)
            read(p, count, os.path.relpath(p, folder))
    return count


def sets(logs):
    for cloud in sorted(os.listdir(logs)):
        if os.path.isdir(os.path.join(logs, cloud)):
            for origin in sorted(os.listdir(os.path.join(logs, cloud))):
                if os.path.isdir(os.path.join(logs, cloud, origin)):
                    yield f"{cloud}/{origin}", os.path.join(logs, cloud, origin)


def vedette(program, folder):
    run = subprocess.run([program, "scan", folder, "--format", "json", "--quiet"], capture_output=True)
    if run.returncode not in (0, 4):  # 4: finished, some input was lost
        sys.exit(f"{program} scan {folder}: exit {run.returncode}\n{run.stderr.decode()}")
    return json.loads(run.stdout)["summary"]


def show(side, lines, most=12):
    for line in lines[:most]:
        print(f"    broken {side}: {line}")
    if len(lines) > most:
        print(f"    broken {side}: and {len(lines) - most} more")


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    ap.add_argument("logs")
    ap.add_argument("--vedette", help="program to compare with")
    ap.add_argument("--json", help="write all figures to this file")
    ap.add_argument("--verbose", action="store_true", help="name the broken records of every set")
    args = ap.parse_args()

    wide, bad, out = 44, 0, []
    print(f"{'set':{wide}}" + "".join(f"{f:>11}" for f in FIGURES))
    total = dict.fromkeys(FIGURES, 0)
    for name, folder in sets(args.logs):
        mine = count_set(folder)
        row = mine.row()
        assert row["records"] == row["events"] + row["skipped"] + row["unparsed"]
        entry = {"set": name, "independent": row, "broken": mine.broken}
        for f in FIGURES:
            total[f] += row[f]
        line = f"{name:{wide}}" + "".join(f"{row[f]:>11}" for f in FIGURES)
        if args.vedette:
            summary = vedette(args.vedette, folder)
            theirs = {f: summary.get(f, 0) for f in FIGURES}
            entry["vedette"], entry["problems"] = theirs, summary.get("problems", [])
            diff = [f"{f}: {row[f]} here, {theirs[f]} in the summary" for f in FIGURES if row[f] != theirs[f]]
            if theirs["records"] != theirs["events"] + theirs["skipped"] + theirs["unparsed"]:
                diff.append("the summary's records are not events + skipped + unparsed")
            line += "  same" if not diff else "  DIFFERS"
            for d in diff:
                line += "\n    " + d
            bad += len(diff)
        print(line)
        if args.verbose:
            show("here", [f"{where}: {why}" for where, why in mine.broken])
            show("there", [f"{p['file']}:{p.get('record', '')}: {p['reason']}" for p in entry.get("problems", [])])
        out.append(entry)
    print(f"{'all':{wide}}" + "".join(f"{total[f]:>11}" for f in FIGURES))
    if args.json:
        with open(args.json, "w") as f:
            json.dump(out, f, indent=1)
    if args.vedette:
        print("no difference" if not bad else f"{bad} differences")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
