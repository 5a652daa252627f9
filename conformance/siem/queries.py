"""Writes the queries of `vedette compile --format json` as files, and fails on
a rule that is not compiled unless it stands in NOT_SAID.

    queries.py RESULTS DIR
"""

import json
import sys

# What a language cannot say at all, by target and rule.
NOT_SAID = set()

EXT = {"kusto": ".kql", "splunk": ".spl", "elastic": ".esql"}

results, folder = sys.argv[1:]
failed = 0
for r in json.load(open(results)):
    if "error" in r:
        if (r["target"], r["rule"]) not in NOT_SAID:
            failed += 1
            print(f"{r['target']}, {r['rule']}: {r['error']}")
        continue
    name = f"{folder}/{r['rule']}{EXT.get(r['target'], '.sql')}"
    with open(name, "w") as f:
        f.write(r["query"])
sys.exit(1 if failed else 0)
