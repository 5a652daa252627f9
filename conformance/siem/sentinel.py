"""Checks packages for Microsoft Sentinel: the template's resources by the
models of Azure's own SDK (azure-mgmt-securityinsight), the rules in YAML
against them, and the limits that Microsoft documents.

    sentinel.py VEDETTE

A resource must come back from the model as it went in, or the model does not
know a property, and every word of an enumeration must be one of the SDK's.
"""

import copy
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
from datetime import timedelta

import isodate
import yaml
from azure.core import exceptions
from azure.mgmt.securityinsight import models

KINDS = {
    "Microsoft.OperationalInsights/workspaces/providers/watchlists": models.Watchlist,
    "Microsoft.OperationalInsights/workspaces/providers/alertRules": models.ScheduledAlertRule,
}
# "Entity types and identifiers in Microsoft Sentinel", of what rules map.
IDENTIFIERS = {
    "Account": {"Name", "FullName", "NTDomain", "DnsDomain", "UPNSuffix", "Sid", "AadTenantId", "AadUserId", "PUID", "IsDomainJoined", "DisplayName", "ObjectGuid"},
    "IP": {"Address"},
}
OPERATORS = {"gt": "GreaterThan", "lt": "LessThan", "eq": "Equal", "ne": "NotEqual"}


def words(enum):
    return {e.value for e in enum}


def prune(x):
    """Without empty values, which a model leaves out."""
    if isinstance(x, dict):
        return {k: prune(v) for k, v in x.items() if v not in (None, [], {})}
    return [prune(v) for v in x] if isinstance(x, list) else x


def duration(text):
    """A duration as ISO 8601 or, in YAML, as KQL writes it."""
    if text.startswith("P"):
        return isodate.parse_duration(text)
    n, unit = re.fullmatch(r"(\d+)([smhd])", text).groups()
    return timedelta(**{{"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[unit]: int(n)})


def literal(text):
    """A value of a template that is no expression; [[ stands for [."""
    if text.startswith("[[") or not text.startswith("["):
        return text[1:] if text.startswith("[[") else text
    raise ValueError(f"the template takes {text[:40]} for an expression")


def template(doc):
    """The faults of a template."""
    if doc.get("$schema") != "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#" or not re.fullmatch(r"(\d+\.){3}\d+", doc.get("contentVersion", "")):
        yield "no deployment template"
    if extra := set(doc) - {"$schema", "contentVersion", "parameters", "resources", "variables", "outputs"}:
        yield f"the template has {extra}"
    names = [r["name"] for r in doc["resources"]]
    if len(set(names)) != len(names):
        yield "two resources have one name"
    for r in doc["resources"]:
        for fault in resource(r):
            yield f"{r['name']}: {fault}"


def resource(r):
    if extra := set(r) - {"type", "apiVersion", "name", "kind", "properties", "dependsOn", "etag"}:
        yield f"the resource has {extra}"
    model = KINDS.get(r["type"])
    if model is None:
        yield f"type {r['type']}"
        return
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", r["apiVersion"]):
        yield f"version {r['apiVersion']}"
    body = {k: copy.deepcopy(r[k]) for k in ("kind", "properties") if k in r}
    try:
        back = model.deserialize(body).serialize()
    except exceptions.SerializationError as e:
        yield str(e)
        return
    if prune(back) != prune(body):
        yield f"the SDK reads {prune(back)} from {prune(body)}"[:400]
    if model is models.ScheduledAlertRule:
        yield from rule(r["properties"])


def rule(p):
    for name, value, known in [
        ("severity", p["severity"], models.AlertSeverity), ("triggerOperator", p["triggerOperator"], models.TriggerOperator),
        ("aggregationKind", p["eventGroupingSettings"]["aggregationKind"], models.EventGroupingAggregationKind),
        ("matchingMethod", p["incidentConfiguration"]["groupingConfiguration"]["matchingMethod"], models.MatchingMethod),
        *(("tactics", t, models.AttackTactic) for t in p["tactics"]),
        *(("entityType", e["entityType"], models.EntityMappingType) for e in p["entityMappings"]),
        *(("groupByEntities", e, models.EntityMappingType) for e in p["incidentConfiguration"]["groupingConfiguration"]["groupByEntities"]),
    ]:
        if value not in words(known):
            yield f"{name}: {value} is none of {sorted(words(known))}"
    for t in p["techniques"]:
        if not re.fullmatch(r"T\d{4}", t):
            yield f"technique {t}"
    frequency, period = duration(p["queryFrequency"]), duration(p["queryPeriod"])
    if not timedelta(minutes=5) <= frequency <= timedelta(days=14) or not frequency <= period <= timedelta(days=14):
        yield f"runs every {frequency} over {period}"
    if period >= timedelta(days=2) and frequency < timedelta(hours=1):
        yield f"runs every {frequency} over {period}: a rule that looks back two days runs each hour at most"
    if not timedelta(minutes=5) <= duration(p["incidentConfiguration"]["groupingConfiguration"]["lookbackDuration"]) <= timedelta(days=7):
        yield "groups over more than 7 days"
    query = literal(p["query"])
    if len(query) > 10_000:
        yield f"the query has {len(query)} characters"
    if len(literal(p["description"])) > 5_000 or len(literal(p["displayName"])) > 256:
        yield f"a description of {len(p['description'])} or a name of {len(p['displayName'])} characters"
    columns = {c.split("=")[0].strip() for c in re.split(r",\s*(?![^(]*\))", [l for l in query.splitlines() if l.startswith("| project ")][-1].removeprefix("| project "))}
    used = list(p["customDetails"].values())
    if len(p["customDetails"]) > 20 or any(not re.fullmatch(r"[A-Za-z0-9_]{1,20}", k) for k in p["customDetails"]):
        yield f"custom details {sorted(p['customDetails'])}"
    if not 1 <= len(p["entityMappings"]) <= 10:
        yield f"{len(p['entityMappings'])} entity mappings"
    for e in p["entityMappings"]:
        if not 1 <= len(e["fieldMappings"]) <= 3:
            yield f"{len(e['fieldMappings'])} identifiers of {e['entityType']}"
        for f in e["fieldMappings"]:
            used.append(f["columnName"])
            if f["identifier"] not in IDENTIFIERS.get(e["entityType"], ()):
                yield f"{e['entityType']} has no identifier {f['identifier']}"
    for key, limit in (("alertDisplayNameFormat", 256), ("alertDescriptionFormat", 5_000)):
        text = literal(p["alertDetailsOverride"][key])
        names = re.findall(r"{{(.*?)}}", text)
        used += names
        if len(text) > limit or len(set(names)) > 3:
            yield f"{key} has {len(text)} characters and {len(set(names))} columns"
    if missing := set(used) - columns:
        yield f"the query has no column {sorted(missing)} among {sorted(columns)}"


def same(y, p):
    """What a rule in YAML says otherwise than the template."""
    pairs = {
        "name": p["displayName"], "description": p["description"], "severity": p["severity"], "query": p["query"], "tactics": p["tactics"],
        "customDetails": p["customDetails"], "entityMappings": p["entityMappings"], "eventGroupingSettings": p["eventGroupingSettings"],
        "alertDetailsOverride": p["alertDetailsOverride"], "triggerThreshold": p["triggerThreshold"], "version": p["templateVersion"],
    }
    yield from (f"{k} differs" for k, v in pairs.items() if y[k] != v)
    for k in ("queryFrequency", "queryPeriod", "suppressionDuration"):
        if duration(y[k]) != duration(p[k]):
            yield f"{k} differs"
    if OPERATORS.get(y["triggerOperator"]) != p["triggerOperator"] or y["kind"] != "Scheduled":
        yield "operator or kind differs"
    if [t.split(".")[0] for t in y["relevantTechniques"]] != p["techniques"] and sorted({t.split(".")[0] for t in y["relevantTechniques"]}) != sorted(p["techniques"]):
        yield "techniques differ"
    if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", y["id"]) or not re.fullmatch(r"\d+\.\d+\.\d+", y["version"]):
        yield "id or version has another form"
    if not y["requiredDataConnectors"] or any(set(c) != {"connectorId", "dataTypes"} for c in y["requiredDataConnectors"]):
        yield "connectors"


def main():
    program = sys.argv[1]
    failed = rules = 0
    doc = None
    with tempfile.TemporaryDirectory() as work:
        for n, args in enumerate((a, b, c) for a in ("tumbling", "overlapping") for b in ("principal", "session") for c in ([], ["--cloud", "aws"], ["--cloud", "azure"])):
            window, identity, more = args
            out = f"{work}/{n}"
            subprocess.run([program, "compile", "T1580", *([] if more else ["T1087.004", "T1580.slow"]), "-t", "kusto", "--package", "-o", out, "--window", window, "--identity", identity, *more],
                           check=True, stdout=subprocess.DEVNULL)
            doc = json.load(open(f"{out}/kusto/azuredeploy.json"))
            faults = list(template(doc))
            by_id = {r["name"].split("/")[-1].rstrip("')]"): r["properties"] for r in doc["resources"] if r.get("kind") == "Scheduled"}
            files = glob.glob(f"{out}/kusto/analytics-rules/*.yaml")
            for path in files:
                y = yaml.safe_load(open(path))
                p = by_id.pop(y["id"], None)
                faults += [f"{os.path.basename(path)}: {f}" for f in (same(y, p) if p else ["not in the template"])]
            faults += [f"{x} has no file" for x in by_id]
            rules += len(files)
            for f in faults:
                print(f"{window}, {identity} {more}: {f}")
            failed += len(faults)
    # What must not pass.
    for path, value in [(("severity",), "Critical"), (("queryFrequency",), "PT1M"), (("tactics",), ["Looking"]), (("customDetails", "X"), "Nope"),
                        (("incidentConfiguration", "groupingConfiguration", "lookbackDuration"), "P90D"), (("unheardOf",), 1), (("query",), "[x"), (("triggerThreshold",), "many"),
                        (("entityMappings",), [{"entityType": "Account", "fieldMappings": [{"identifier": "Arn", "columnName": "Identity"}]}])]:
        wrong = copy.deepcopy(doc)
        at = wrong["resources"][-1]["properties"]
        for k in path[:-1]:
            at = at[k]
        at[path[-1]] = value
        try:
            passes = not list(template(wrong))
        except Exception:  # the SDK does not read it at all
            passes = False
        if passes:
            failed += 1
            print(f"the checker lets pass {path} {value}")
    print(f"{rules} rules, {failed} faults")
    sys.exit(1 if failed or not rules else 0)


main()
