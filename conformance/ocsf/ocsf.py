#!/usr/bin/env python3
"""Hold Vedette's OCSF output against the OCSF schema.

    pip install -r requirements.txt
    vedette scan PATH --format ocsf -o findings.ndjson
    python3 ocsf.py check findings.ndjson

`check` validates every line against the JSON Schema that the package
ocsf-json-schema makes of the OCSF release of the version that the line
itself states (metadata.version), with the profiles it states. It prints each
violation with line and path, and exits with 1 if there is one or if there
was nothing to check.

    python3 ocsf.py table 1.8.0 > ../../internal/report/testdata/ocsf-1.8.0.json

`table` writes the part of the schema that the Go tests check by themselves.
"""

import argparse
import functools
import json
import sys

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

CLASS = "detection_finding"
PROFILES = ("cloud",)

# The objects that Vedette writes.
OBJECTS = (
    "account", "actor", "analytic", "api", "attack", "autonomous_system", "cloud", "enrichment", "evidences",
    "finding_info", "location", "metadata", "network_endpoint", "observable", "product", "related_event",
    "resource_details", "service", "sub_technique", "tactic", "technique", "user",
)


@functools.cache
def validator(version, profiles):
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version)).get_class_schema(CLASS, list(profiles))
    return Draft202012Validator(schema)


def violations(line):
    """Yields (path, message) for each violation of one line."""
    try:
        event = json.loads(line)
    except ValueError as err:
        yield "", f"not JSON: {err}"
        return
    metadata = event.get("metadata") if isinstance(event, dict) else None
    if not isinstance(metadata, dict) or "version" not in metadata:
        yield "metadata.version", "missing"
        return
    if event.get("class_uid") != 2004:
        yield "class_uid", "not a Detection Finding"
        return
    for err in validator(metadata["version"], tuple(metadata.get("profiles", ()))).iter_errors(event):
        yield ".".join(map(str, err.absolute_path)), err.message


def check(paths):
    lines = bad = 0
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                lines += 1
                for where, message in violations(line):
                    bad += 1
                    print(f"{path}:{number}: {where}: {message}")
    print(f"{lines} findings, {bad} violations")
    return 1 if bad or not lines else 0


def attributes(entity):
    """The attributes of a class or object that need no profile but ours."""
    out = {}
    for name, a in sorted(entity["attributes"].items()):
        profiles = a.get("profiles") or []
        if profiles and not set(profiles) & set(PROFILES):
            continue
        if "@deprecated" in a or a.get("object_type") and a["object_type"] not in OBJECTS + ("object",):
            continue
        row = {"type": a.get("object_type") or a["type"]}
        if a.get("is_array"):
            row["array"] = True
        if a.get("requirement") == "required":
            row["required"] = True
        if a.get("enum"):
            row["enum"] = {k: v["caption"] for k, v in sorted(a["enum"].items(), key=lambda kv: (len(kv[0]), kv[0]))}
        out[name] = row
    return out


def table(version):
    schema = get_ocsf_schema(version)
    entities = {CLASS: schema["classes"][CLASS]} | {name: schema["objects"][name] for name in OBJECTS}
    types = schema["dictionary"]["types"]["attributes"]
    out = {
        "source": f"https://schema.ocsf.io/{version} (class {CLASS}, profiles {', '.join(PROFILES)}), "
                  "by conformance/ocsf/ocsf.py; deprecated attributes and objects that are not written are left out",
        "version": version,
        "types": {name: t.get("type", name) for name, t in sorted(types.items())},
        "entities": {},
    }
    for name, entity in entities.items():
        row = {"attributes": attributes(entity)}
        if some := (entity.get("constraints") or {}).get("at_least_one"):
            row["at_least_one"] = some
        out["entities"][name] = row
    json.dump(out, sys.stdout, indent=1, ensure_ascii=False)
    print()
    return 0


def main():
    parser = argparse.ArgumentParser(description="Hold Vedette's OCSF output against the OCSF schema.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check").add_argument("path", nargs="+")
    commands.add_parser("table").add_argument("version")
    args = parser.parse_args()
    return check(args.path) if args.command == "check" else table(args.version)


if __name__ == "__main__":
    sys.exit(main())
