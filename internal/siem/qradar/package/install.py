#!/usr/bin/env python3
"""Creates in IBM QRadar what Vedette's searches read: custom properties and a reference set.

Takes the console from QRADAR_URL and the token of an authorized service from QRADAR_TOKEN. What is there already
stays as it is.
"""

import json
import os
import pathlib
import sys
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).parent
PROPERTIES = "config/event_sources/custom_properties/"


def call(method, path, body=None, **query):
    url = os.environ["QRADAR_URL"].rstrip("/") + "/api/" + path
    if query:
        url += "?" + urllib.parse.urlencode(query)
    headers = {"SEC": os.environ["QRADAR_TOKEN"], "Accept": "application/json", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request) as response:
            return json.load(response)
    except urllib.error.HTTPError as e:
        sys.exit(f"{method} {path}: {e.code} {e.read().decode(errors='replace')[:500]}")


def main():
    for entry in json.loads((HERE / "properties.json").read_text()):
        name = entry["property"]["name"]
        found = call("GET", PROPERTIES + "regex_properties", filter=f'name="{name}"')
        made = found[0] if found else call("POST", PROPERTIES + "regex_properties", entry["property"])
        for kind in ("property_json_expressions", "property_expressions"):
            wanted = entry.get(kind, [])
            if not wanted:
                continue
            there = call("GET", PROPERTIES + kind, filter=f'regex_property_identifier="{made["identifier"]}"')
            for expression in wanted:
                if any(all(x.get(k) == v for k, v in expression.items()) for x in there):
                    continue
                call("POST", PROPERTIES + kind, {**expression, "regex_property_identifier": made["identifier"]})
                print("created", kind, name, expression["log_source_type_id"])
    wanted = json.loads((HERE / "reference_set.json").read_text())
    if not call("GET", "reference_data/sets", filter=f'name="{wanted["name"]}"'):
        call("POST", "reference_data/sets", **wanted)
        print("created reference set", wanted["name"])


if __name__ == "__main__":
    main()
