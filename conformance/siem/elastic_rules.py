"""Checks the rules that Kibana imports by programs of others: kibana-py, whose
client knows the fields of a rule, and opentide, which reads exported rules
into models of its own and writes them back.

    elastic_rules.py VEDETTE

A rule must come back from opentide as it went in, but for what it does not
keep (NOT_KEPT) and what it writes in another way. What is passed over in both
programs, the words of enumerations that Kibana alone knows, stays unverified.
"""

import copy
import glob
import inspect
import json
import logging
import subprocess
import sys
import tempfile
import uuid
import warnings

import structlog
from kibana import Kibana

warnings.filterwarnings("ignore")
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
from opentide.extraction.elastic_importer import kibana_to_opentide  # noqa: E402
from opentide.loading.rule_loader import load_rule_from_dict  # noqa: E402
from opentide.platforms.elastic.compile import compile_rule  # noqa: E402

NOT_KEPT = {"license", "version", "to"}
FIELDS = inspect.signature(type(Kibana("http://localhost").detection_engine).create_rule)


def minutes(text):
    n, unit = int(text.removeprefix("now-")[:-1]), text[-1]
    return n * {"m": 1, "h": 60, "d": 1440}[unit]


def threats(list_):
    """Pairs of tactic and technique, with parts of techniques."""
    return {(t["tactic"]["id"], x["id"], s and s["id"]) for t in list_ for x in t["technique"] for s in [None, *x.get("subtechnique", [])]}


FORMS = {"from": minutes, "interval": minutes, "query": str.strip, "note": str.strip, "tags": lambda x: set(x) - {"OpenTide"}, "threat": threats}


def faults(rule):
    try:
        FIELDS.bind(None, **{{"from": "from_"}.get(k, k): v for k, v in rule.items()})
    except TypeError as err:
        yield f"kibana-py: {err}"
    try:
        uuid.UUID(rule["rule_id"])  # which opentide asks for where it writes a file
        back = compile_rule(load_rule_from_dict(kibana_to_opentide(copy.deepcopy(rule), make_custom=False)))
    except Exception as err:  # whatever it refuses a rule with
        yield f"opentide: {err}"[:300]
        return
    for k in sorted((set(rule) | set(back)) - NOT_KEPT):
        a, b = rule.get(k) or None, back.get(k) or None
        if k in FORMS and a and b:
            a, b = FORMS[k](a), FORMS[k](b)
        if a != b:
            yield f"opentide, {k}: {str(b)[:150]} from {str(a)[:150]}"


def exception_list(lines):
    """The list, its items and the summary at the end."""
    head, *items, summary = lines
    if head["type"] != "detection" or head["namespace_type"] not in ("single", "agnostic") or not head["list_id"]:
        yield f"the list is {head}"
    for i in items:
        if i["list_id"] != head["list_id"] or i["type"] != "simple" or not i["entries"]:
            yield f"the item is {i}"
        for e in i["entries"]:
            if e["operator"] not in ("included", "excluded") or e["type"] not in ("match", "match_any", "wildcard", "list", "exists", "nested"):
                yield f"the entry is {e}"
    if (summary["exported_exception_list_count"], summary["exported_exception_list_item_count"]) != (1, len(items)):
        yield "the summary counts otherwise"


def main():
    program, failed, n = sys.argv[1], 0, 0
    rules = []
    with tempfile.TemporaryDirectory() as work:
        for window in ("tumbling", "overlapping"):
            for identity in ("principal", "session"):
                out = f"{work}/{window}-{identity}"
                subprocess.run([program, "compile", "T1580", "T1087.004", "-t", "elastic", "--package", "--window", window, "--identity", identity, "-o", out],
                               check=True, stdout=subprocess.DEVNULL)
                for path in sorted(glob.glob(f"{out}/elastic/rules*.ndjson")):
                    rules = [json.loads(line) for line in open(path)]
                    ids = [r["rule_id"] for r in rules]
                    for r in rules:
                        n += 1
                        for fault in [*faults(r), *(["two rules have its id"] if ids.count(r["rule_id"]) > 1 else [])]:
                            failed += 1
                            print(f"{path[len(work) + 1:]}, {r['name']}: {fault}")
                for fault in exception_list([json.loads(line) for line in open(f"{out}/elastic/exception-list.ndjson")]):
                    failed += 1
                    print(f"exception list: {fault}")
    # What must not pass.
    for key, value in [("unheard_of", 1), ("type", "sql"), ("severity", "grave"), ("risk_score", 120), ("rule_id", "x y"), ("interval", "soon"), ("threshold", {"field": 3}), ("index", 7)]:
        if not list(faults({**rules[-1], key: value})):
            failed += 1
            print(f"the checkers let pass {key} {value}")
    print(f"{n} rules, {failed} faults")
    sys.exit(1 if failed or not n else 0)


main()
