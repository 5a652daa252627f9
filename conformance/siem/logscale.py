"""Parses what is compiled for LogScale with a tree-sitter grammar of its query
language (logscale-tools, by a user of the product), and executes the trees.

    logscale.py VEDETTE GRAMMAR.so [--trail DIR] [--cases DIR] [--examples DIR] [--sets N]

There is no LogScale to run. The grammar shares no code with Vedette; what a
tree means is written here, from the vendor's reference of query functions,
and holds the text against `vedette scan`. What the reference leaves open (a
format() or groupBy() of a field that is not there) is a fault. Records are
parsed as the vendor's package aws/cloudtrail documents it. Distinct counts are
exact here and estimates in the product.
"""

import argparse
import calendar
import ctypes
import glob
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time

import tree_sitter
import yaml

from trails import cases, compare, compiled, generated, records, table_of, vedette


def language(path):
    make = ctypes.CDLL(path).tree_sitter_logscale
    make.restype = ctypes.c_void_p
    capsule = ctypes.pythonapi.PyCapsule_New
    capsule.restype, capsule.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    return tree_sitter.Language(capsule(make(), b"tree_sitter.Language", None))


# What the product documents and the grammar lacks, in words that it has: flags
# behind an expression, which it takes for a word of its own.
REWRITES = [(re.compile(r"=/((?:[^/\\\n]|\\.)*)/i\b"), r"=/(?i)\1/")]


class Fault(Exception):
    pass


def parse(parser, text):
    """The tree of a query; raises Fault where the grammar does not take it."""
    for old, new in REWRITES:
        text = old.sub(new, text)
    tree = parser.parse(text.encode())
    todo = [tree.root_node]
    while todo:
        n = todo.pop()
        # Free text means that a filter was not read as one.
        if n.is_error or n.is_missing or n.type == "free_text_pattern" and n.text != b"*":
            raise Fault(f"line {n.start_point[0] + 1}: {n.type} {n.text[:60].decode()!r}")
        todo += n.children
    return tree.root_node


# Execution. An event is a dict of texts and numbers.

def named(n, *types):
    return [c for c in n.children if c.is_named and c.type != "comment" and (not types or c.type in types)]


def text(n):
    s = n.text.decode()
    return re.sub(r"\\(.)", r"\1", s[1:-1]) if s[:1] == '"' else s


def holds(n, ev):
    kids = named(n)
    if n.type in ("filter", "parenthesized_filter"):
        return holds(kids[0], ev)
    if n.type == "and_filter":
        return all(holds(k, ev) for k in kids)
    if n.type == "or_filter":
        return any(holds(k, ev) for k in kids)
    if n.type == "not_filter":
        return not holds(kids[0], ev)
    if n.type == "free_text_pattern":
        return True  # the * of a last clause
    if n.type != "field_comparison":
        raise Fault("no meaning of " + n.type)
    field, op, pattern = text(kids[0]), next(c.type for c in n.children if not c.is_named), kids[1]
    have = ev.get(field)
    if op in ("<", "<=", ">", ">="):
        x, y = float(have) if have is not None else None, float(text(pattern))
        return x is not None and {"<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y}[op]
    if pattern.type == "equality_pattern":
        pattern = named(pattern)[0]
    if pattern.type == "regex":
        equal = have is not None and re.search(text(named(pattern)[0]), str(have)) is not None
    else:
        glob_ = ".*".join(re.escape(p) for p in text(named(pattern)[0]).split("*"))
        equal = have is not None and re.fullmatch(glob_, str(have), re.S) is not None
    return equal == (op == "=")


def value(n, ev, end):
    """The value of an expression; None where a field is missing."""
    kids = named(n)
    if n.type in ("expression", "parenthesized_expression"):
        return value(kids[0], ev, end)
    if n.type in ("additive_expression", "multiplicative_expression", "comparison_expression"):
        a = value(kids[0], ev, end)
        for op, b in zip(kids[1::2], kids[2::2]):
            b = value(b, ev, end)
            if a is None or b is None:
                return None
            a, b = int(a), int(b)
            a = {"+": a + b, "-": a - b, "%": a % b if b else 0, "<=": a <= b, ">": a > b}[text(op)]
        return a
    if n.type == "number":
        return int(text(n))
    if n.type == "quoted_string":
        return text(n)
    if n.type == "identifier":
        return ev.get(text(n))
    if n.type == "function_call" and text(kids[0]) == "end":
        return end
    raise Fault("no value of " + n.type)


FIRST = {"lower": "field", "replace": "regex", "format": "format", "coalesce": "expressions", "default": "value", "regex": "regex", "drop": "fields", "split": "field",
         "test": "expression", "formatTime": "format", "match": "file", "groupBy": "field", "table": "fields", "count": "field", "collect": "fields", "min": "field", "max": "field"}


def arguments(call):
    name, args = text(named(call)[0]), {}
    for a in named(call, "function_arguments"):
        for x in named(a):
            kids = named(x)
            key = text(kids[0]) if x.type == "named_function_argument" else FIRST[name]
            args[key] = kids[-1]
    return name, args


def items(n):
    """The elements of a list, or one."""
    while n.type == "expression" and n.named_child_count == 1:
        n = named(n)[0]
    return [x if x.type != "expression" else named(x)[0] for x in named(n)] if n.type == "array_expression" else [n]


def fields(n):
    return [text(x) for x in items(n)]


def present(ev, field, what):
    if field not in ev:
        raise Fault(f"{what} of {field}, which the event lacks")
    return ev[field]


def transform(name, args, ev, out, end, excepted):
    """Applies a function to an event: a list of events."""
    ev = dict(ev)
    field = fields(args["field"])[0] if "field" in args else None
    out = out or (fields(args["as"])[0] if "as" in args else None)
    if name == "lower":
        if field in ev:
            ev[out] = str(ev[field]).lower()
    elif name == "replace":
        if field in ev:
            ev[out] = re.sub(text(items(args["regex"])[0]), re.sub(r"\$(\d)", r"\\\1", text(items(args["with"])[0])), str(ev[field]))
    elif name == "format":
        ev[out] = text(items(args["format"])[0]) % tuple(present(ev, f, "format") for f in fields(args["field"]))
    elif name == "coalesce":
        for x in items(args["expressions"]):
            v = value(x, ev, end)
            if v not in (None, ""):
                ev[out] = v
                break
    elif name == "default":
        for f in fields(args["field"]):
            ev.setdefault(f, text(items(args["value"])[0]))
    elif name == "regex":
        m = re.search(text(items(args["regex"])[0]).replace("(?<", "(?P<"), str(ev.get(field, "")))
        ev.update(m.groupdict() if m else {})
    elif name == "rename":
        if field in ev:
            ev[out] = ev.pop(field)
    elif name == "drop":
        for f in fields(args["fields"]):
            ev.pop(f, None)
    elif name == "split":
        parts = [(k, ev.pop(k)) for k in list(ev) if k.startswith(field + "[")]
        return [{**ev, field: v, "_index": i, "@id": f"{ev['@id']}_{i}"} for i, (_, v) in enumerate(parts)]
    elif name == "match":
        if text(args["strict"]) != "false" or fields(args["include"]) != ["Expires"]:
            raise Fault("match of another kind")
        for pattern, until in excepted:
            if re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), present(ev, field, name)):
                ev["Expires"] = until
                break
    elif name == "test":
        return [ev] if value(args["expression"], ev, end) else []
    elif name == "formatTime":
        fmt = text(items(args["format"])[0])
        ev[out] = time.strftime(fmt, time.gmtime(int(present(ev, field, name)) // 1000))
    else:
        raise Fault("no meaning of " + name)
    return [ev]


def aggregate(events, keys, calls):
    groups = {}
    for ev in events:
        groups.setdefault(tuple(present(ev, k, "groupBy") for k in keys), []).append(ev)
    for key, members in groups.items():
        row = dict(zip(keys, key))
        for name, args in map(arguments, calls):
            if name == "count":
                have = [ev[f] for ev in members for f in fields(args["field"]) if f in ev] if "field" in args else members
                row[fields(args["as"])[0]] = len(set(map(str, have))) if "distinct" in args else len(have)
            elif name == "collect":
                for f in fields(args["fields"]):
                    have = list(dict.fromkeys(str(ev[f]) for ev in members if f in ev))[: int(text(items(args["limit"])[0]))]
                    if have:
                        row[f] = "\n".join(have)
            else:
                row[fields(args["as"])[0]] = {"min": min, "max": max}[name](ev[fields(args["field"])[0]] for ev in members)
        yield row


def run(node, events, end=0, excepted=()):
    """The events that a pipeline gives."""
    for step in named(named(node)[0] if node.type == "query" else node):
        kids = named(step)
        if step.type == "filter":
            events = [ev for ev in events if holds(step, ev)]
        elif step.type == "case_expression":
            passed = []
            for ev in events:
                for clause in kids:
                    got = run(clause, [ev], end, excepted)
                    if got:
                        passed += got
                        break
            events = passed
        elif step.type == "eval_function_shorthand":
            name, args = arguments(kids[1])
            events = [x for ev in events for x in transform(name, args, ev, text(kids[0]), end, excepted)]
        elif step.type == "eval_shorthand":
            out = []
            for ev in events:
                v = value(kids[-1], ev, end)
                if v is not None:  # an event without the field is dropped
                    out.append({**ev, "".join(map(text, kids[:-1])): v})
            events = out
        elif step.type == "function_call":
            name, args = arguments(step)
            if name == "groupBy":
                events = list(aggregate(events, fields(args["field"]), items(args["function"])))
            elif name == "table":
                by = list(zip(fields(args["sortby"]), fields(args["order"]), fields(args["type"])))
                for f, order, kind in reversed(by):
                    events = sorted(events, key=lambda ev: float(ev[f]) if kind == "number" else str(ev[f]), reverse=order == "desc")
                events = [{f: ev.get(f, "") for f in fields(args["fields"])} for ev in events]
            else:
                events = [x for ev in events for x in transform(name, args, ev, None, end, excepted)]
        else:
            raise Fault("no meaning of " + step.type)
    return events


def flat(prefix, v, out):
    if isinstance(v, dict):
        for k, x in v.items():
            flat(f"{prefix}.{k}", x, out)
    elif isinstance(v, list):
        for i, x in enumerate(v):
            flat(f"{prefix}[{i}]", x, out)
    elif v is not None:
        out[prefix] = json.dumps(v) if isinstance(v, bool) else str(v)


TAGS = {"cloudtrail": {"#Vendor": "aws", "#event.module": "cloudtrail"}, "gcp_audit": {"#Vendor": "google", "#event.dataset": "gcp.audit"}}


def event(i, r):
    """A record as the product's parsers give it."""
    second, _, rest = (r.get("eventTime") or r.get("time") or r["timestamp"]).rstrip("Z").partition(".")
    ev = {**TAGS.get(table_of(r), {"#Vendor": "microsoft"}), "#repo": "records", "@id": f"id{i}", "@rawstring": json.dumps(r, separators=(",", ":")),
          "@timestamp": calendar.timegm(time.strptime(second, "%Y-%m-%dT%H:%M:%S")) * 1000 + int((rest + "000")[:3])}
    flat("Vendor", r, ev)
    return ev


def rows(found):
    for r in found:
        for f in ("APIList", "SourceIPs"):
            r[f] = r[f].split("\n") if r[f] else []
    return found


def texts(program, work):
    """Every form in which queries are compiled."""
    for window, identity, extra in itertools.product(("tumbling", "overlapping"), ("principal", "session"),
                                                     ([], ["--no-dedup"], ["--include-services"], ["--cloud", "aws"], ["--cloud", "azure"], ["--cloud", "gcp"])):
        yield f"{window}, {identity} {' '.join(extra)}", compiled(program, "logscale", "--window", window, "--identity", identity, *extra)
    yield "seed", compiled(program, "logscale", "--profile", "seed")
    for window in ("tumbling", "overlapping"):
        folder = os.path.join(work, window)
        subprocess.run([program, "compile", "T1580", "T1087.004", "-t", "logscale", "--package", "--window", window, "-o", folder], stdout=subprocess.DEVNULL, check=True)
        for file in sorted(glob.glob(os.path.join(folder, "**", "*.yaml"), recursive=True)):
            doc = yaml.safe_load(open(file))
            if "queryString" in doc:
                yield os.path.relpath(file, work), doc["queryString"]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("vedette")
    p.add_argument("grammar")
    p.add_argument("--trail")
    p.add_argument("--cases")
    p.add_argument("--examples")
    p.add_argument("--sets", type=int, default=20)
    a = p.parse_args()
    parser = tree_sitter.Parser(language(os.path.abspath(a.grammar)))
    for wrong in ('#a="b" | | c="d"', '#a="b', 'case { a="b" | c := d', 'a="b" AND NOT | c="d"', "groupBy([a)", "x := lower("):
        try:
            parse(parser, wrong)
            sys.exit(f"the grammar takes {wrong}")
        except Fault:
            pass
    failed, n, longest = 0, 0, 0
    with tempfile.TemporaryDirectory() as work:
        for name, query in texts(a.vedette, work):
            n, longest = n + 1, max(longest, len(query))
            try:
                parse(parser, query)
            except Fault as f:
                failed += 1
                print(f"{name}: {f}")
        scheduled = yaml.safe_load(open(os.path.join(work, "tumbling", "logscale", "cloud-discovery", "scheduled-searches", "t1580-burst.yaml")))["queryString"]
        hunt = yaml.safe_load(open(os.path.join(work, "tumbling", "logscale", "cloud-discovery", "queries", "t1580-burst.yaml")))["queryString"]
    print(f"{n} queries parsed, {failed} faults, the longest has {longest} characters")

    trees = {}

    def ask(query, trail, **settings):
        if query not in trees:
            trees[query] = parse(parser, query)
        return rows(run(trees[query], [event(i, r) for i, r in enumerate(trail)], **settings))

    def same(name, query, trail, want):
        try:
            return compare(name, ask(query, trail), want)
        except Fault as f:
            print(f"{name}: {f}")
            return False

    folders, left, total, differ = 0, [], 0, 0
    for name, trail, want, detection, approximate in cases(a.cases) if a.cases else []:
        if "logscale" in approximate:
            left.append(name)
            continue
        folders, total = folders + 1, total + len(want)
        differ += not same(f"case {name}", compiled(a.vedette, "logscale", "--cloud", "aws", detection=detection or "T1580"), trail, want)
    print(f"{folders} cases, {len(left)} declared as approximated and left out: {', '.join(left)}")

    queries = {
        "rows, every record": (["--no-dedup"], ["--rows", "--window", "tumbling", "--no-dedup"]),
        "rows": ([], ["--rows", "--window", "tumbling"]),
        "rows by session": (["--identity", "session"], ["--rows", "--window", "tumbling", "--identity", "session"]),
        "rows with services": (["--include-services"], ["--rows", "--window", "tumbling", "--include-services"]),
        "seed": (["--profile", "seed"], ["--profile", "seed"]),
    }
    queries = {name: (compiled(a.vedette, "logscale", *how), args) for name, (how, args) in queries.items()}
    overlapping = compiled(a.vedette, "logscale", "--window", "overlapping")
    once = 0
    with tempfile.TemporaryDirectory() as work:
        for i in range(a.sets):
            path, trail = os.path.join(work, f"{i}.json"), generated(i, others=True)
            json.dump({"Records": trail}, open(path, "w"))
            for name, (query, args) in queries.items():
                want = vedette(a.vedette, path, *args)
                total += len(want)
                differ += not same(f"set {i}, {name}", query, trail, want)
            # Overlapping windows are those of three trails, each a third of a
            # window later, in tumbling ones.
            got, tumbled = ask(overlapping, trail), []
            for shift in (0, 300, 600):
                moved = [{**r, "eventTime": shifted(r["eventTime"], shift)} for r in trail]
                for r in ask(queries["rows"][0], moved):
                    for f in ("TimeGenerated", "FirstSeen", "LastSeen"):
                        r[f] = shifted(r[f], -shift)
                    tumbled.append(r)
            differ += not compare(f"set {i}, overlapping and shifted", got, tumbled)
            # A day of runs sees each row of the form for people once, less
            # those of who is excepted.
            everything = ask(hunt, trail)
            excepted = sorted({r["Identity"] for r in everything})[:1]
            # Entries that have ended, or have no date, leave nobody out.
            runs, again = [], []
            start = min(event(0, r)["@timestamp"] for r in trail) // 900000 * 900000
            for k in range(12):
                due = start + k * 900000 + 7000
                runs += ask(scheduled, trail, end=due, excepted=[(e[:-2] + "*", "2100-01-01") for e in excepted])
                for until in ("2000-01-01", "", "never"):
                    again += ask(scheduled, trail, end=due, excepted=[(e, until) for e in excepted])
            differ += not compare(f"set {i}, runs past an exception's end", again, everything * 3)
            differ += not compare(f"set {i}, runs of the scheduled search", runs, [r for r in everything if r["Identity"] not in excepted])
            once += len(runs)
        if a.examples:
            # All logs in one query. Callers without a name are not told apart
            # by client, which the field map declares.
            want = vedette(a.vedette, a.examples, *queries["rows"][1])
            for r in want:
                if r["Identity"].startswith("redacted:"):
                    r["Identity"] = "/".join(r["Identity"].split("/")[:2])
            clouds = {r["CloudProvider"] for r in want}
            total += len(want)
            differ += not same(f"{a.examples}, rows of {len(clouds)} clouds", queries["rows"][0], list(records(a.examples)), want) or len(clouds) < 3
        if a.trail:
            trail = list(records(a.trail))
            for name in ("rows, every record", "seed"):
                want = vedette(a.vedette, a.trail, *queries[name][1])
                total += len(want)
                differ += not same(f"{a.trail}, {name}", queries[name][0], trail, want)
    print(f"{a.sets} sets, {len(queries)} queries each, {total} rows, {once} of runs of a scheduled search, {differ} differences")
    sys.exit(1 if failed or differ or total == 0 or once == 0 else 0)


def shifted(stamp, seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(calendar.timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ")) + seconds))


main()
