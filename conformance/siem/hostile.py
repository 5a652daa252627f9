"""Names that try to leave their quotes, in every language that has a parser
outside: each name must come out of the parser as the literal that it is (in
EQL, by an expression that it alone matches), and nothing else may come out that
harmless names do not give.

    hostile.py VEDETTE WORK TARGET...

A target is kusto, esql, eql or sql:NAME. Queries in KQL are written to WORK for
the language service, which runs elsewhere.
"""

import json
import os
import re
import subprocess
import sys

NAMES = ['x"y', "x'y", "x`y", "x\\", 'x\\"y', "x\\'y", "x''y", 'x""y', "x*/y", "x--y", "x//y", "x#y", "x;y", "x|y", "x)y", "x]]>y", "x$$y", "x${y}", "x{{y}}", "x%y", "x?y", "x/y/",
         "$x$", "[[x", "(?x)", '") or 1==1 //', "') OR 1=1 --", '" | delete', '"] | outputlookup x', "x```y", "\\u0022x", "\\x27x", "''' x", '""" x']
UNSEEN = ["x\u2028y", "x\u202ey", "x\u200by"]  # detections take no control characters


def detection(names):
    return f"""id: HOSTILE
name: Hostile {json.dumps(names[0])[1:-1]}
version: "1.0.0"
description: Names that try to leave their quotes
techniques: [T1580]
severity: low
select:
  include:
{os.linesep.join(f"    - {{cloud: aws, service: ec2.amazonaws.com, api: {json.dumps(n)}}}" for n in names)}
windows:
  - {{name: ten, length: 15m, trigger: {{events: 10}}, bands: [{{risk: 50}}]}}
examples:
  fire:
    - name: ten calls
      risk: 50
      events:
        - {{cloud: aws, service: ec2.amazonaws.com, api: {json.dumps(names[0])}, count: 10, every: 1s, unknown: true}}
  silent:
    - name: nine calls
      events:
        - {{cloud: aws, service: ec2.amazonaws.com, api: {json.dumps(names[0])}, count: 9, every: 1s, unknown: true}}
"""


def compiled(program, work, names, target):
    path = os.path.join(work, "hostile.yaml")
    with open(path, "w") as f:
        f.write(detection(names))
    out = subprocess.run([program, "compile", path, "-t", target, "-f", "json", "--cloud", "aws"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if out.returncode:
        sys.exit(f"{target}: {out.stderr}")
    return json.loads(out.stdout)[0]


def sql(dialect, text):
    """The literals and the shape of a statement."""
    import sqlglot
    tree = sqlglot.parse_one(text, read={"postgresql": "postgres", "athena": "trino"}.get(dialect, dialect))
    return [x.this for x in tree.find_all(sqlglot.exp.Literal) if x.is_string], [type(x).__name__ for x in tree.walk() if not isinstance(x, sqlglot.exp.Literal)]


def eql(text):
    import eql
    with eql.parser.elasticsearch_syntax, eql.parser.allow_runs, eql.parser.ignore_missing_functions:
        nodes = list(eql.Walker().iter_node(eql.parse_query(text)))
    return [n.value for n in nodes if isinstance(n, eql.ast.String)], [type(n).__name__ for n in nodes]


def esql(text):
    from antlr4 import CommonTokenStream, InputStream
    from esql_parser.EsqlBaseLexer import EsqlBaseLexer
    from esql_parser.EsqlBaseParser import EsqlBaseParser
    stream = CommonTokenStream(EsqlBaseLexer(InputStream(text)))
    parser = EsqlBaseParser(stream)
    parser.singleStatement()
    if parser.getNumberOfSyntaxErrors():
        return [], ["syntax errors"]
    tokens = [t for t in stream.tokens if t.channel == 0]
    strings = [t.text for t in tokens if t.type == EsqlBaseLexer.QUOTED_STRING]
    return [unescaped(x) for x in strings], [t.type for t in tokens]


def unescaped(literal):
    """The text of a literal with escapes."""
    out, i = "", 1
    while i < len(literal) - 1:
        i += literal[i] == "\\"
        out, i = out + literal[i], i + 1
    return out


def main():
    program, work, *targets = sys.argv[1:]
    sys.exit(1 if sum(faults(program, work, t) for t in targets) else 0)


def faults(program, work, target):
    failed = 0
    plain = [f"Plain{i}x" for i in range(len(NAMES))]
    if target == "esql":
        form = lambda names: compiled(program, work, names, "elastic")["query"]
        read = esql
    elif target == "eql":
        form = lambda names: next(f["text"] for f in compiled(program, work, names, "elastic")["further"] if f["language"] == "EQL" or f["name"].startswith("eql"))
        read = eql
    elif target.startswith("sql:"):
        form = lambda names: compiled(program, work, names, target)["query"]
        read = lambda text: sql(target[4:], text)
    else:
        for n, names in enumerate([NAMES + UNSEEN, *([x] for x in NAMES + UNSEEN)]):
            with open(os.path.join(work, f"hostile-{n}.kql"), "w") as f:
                f.write(compiled(program, work, names, target)["query"])
        return 0
    literals, shape = read(form(NAMES))
    _, expected = read(form(plain))
    if target == "eql":
        matches = lambda n: any(re.fullmatch(x, n) for x in literals)
        missing = [n for n in NAMES if not matches(n) or matches(n + "x") or matches("x" + n)]
    else:
        missing = [n for n in NAMES if n not in literals]
    if missing:
        failed += 1
        print(f"{target}: no literal {missing}")
    if shape != expected:
        failed += 1
        print(f"{target}: {len(shape)} nodes, {len(expected)} with harmless names")
    for n in UNSEEN:
        if any(not c.isprintable() for c in form([n]).replace("\n", "")):
            failed += 1
            print(f"{target}: what cannot be seen of {n!r} stands in the text")
    print(f"{target}: {len(NAMES)} names, {failed} faults")
    return failed


main()
