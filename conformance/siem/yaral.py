#!/usr/bin/env python3
"""Reads every rule that is compiled to YARA-L with two parsers that share no code with Vedette.

  yaral.py VEDETTE

The parsers are the grammar tree-sitter-yaral and the reader of yaraast, whose validator must find no error. Neither is
the product: there is no engine of YARA-L outside Google SecOps. They are older than tumbling windows and data tables,
so they get `by 15m` as `over 15m` and the column of a table as a list. Texts that are broken on purpose must be refused by at least one of them, else the check fails.
"""

import itertools
import multiprocessing
import pathlib
import re
import subprocess
import sys
import tempfile

import tree_sitter
import tree_sitter_yaral
from yaraast.yaral.parser import YaraLParser
from yaraast.yaral.validator import YaraLValidator

GRAMMAR = tree_sitter.Parser(tree_sitter.Language(tree_sitter_yaral.language()))

BROKEN = [
    ("  match:", "  matsch:"), (" over 15m", " over 15x"), ("count_distinct(", "count_distinct(,"), ("re.regex($Name, ", "re.regex($Name "),
    ("strings.concat(", "strings.concat(("), ("$DistinctAPIs = ", "DistinctAPIs = "), ('"AWS"', '"AWS'), ("`", ""), ("$e and (", "$e and and ("),
    ("not (", "not (("), ("allow_zero_values = true", "allow_zero_values"), ("  condition:", "  "), ("rule vedette", "ruler vedette"),
]


def grammar(text):
    if GRAMMAR.parse(text.encode()).root_node.has_error:
        return "the grammar does not take it"


def reader(text):
    try:
        parsed = YaraLParser(text).parse()
    except Exception as e:  # its errors have no common class
        return f"{type(e).__name__}: {e}"
    if len(parsed.rules) != 1:
        return f"{len(parsed.rules)} rules"
    errors, _ = YaraLValidator().validate(parsed)
    if errors:
        return "; ".join(map(str, errors))


def limited(text):
    """The reader, which may not come to an end on a broken text: that is a refusal too."""
    with multiprocessing.Pool(1) as pool:
        try:
            return pool.apply_async(reader, (text,)).get(10)
        except multiprocessing.TimeoutError:
            return "no end"


def older(text):
    text = re.sub(r"(?m)^(    \$CloudProvider, \$Identity, \$AccountId) by (\d+[mh])$", r"\1 over \2", text)
    return text.replace("in %vedette_exceptions.identity\n", "in %vedette_exceptions\n")


def main(vedette):
    texts = {}
    with tempfile.TemporaryDirectory() as work:
        def compile(name, *args):
            into = pathlib.Path(work, name)
            subprocess.run([vedette, "compile", *args, "-t", "yaral", "-o", into], check=True, stdout=subprocess.DEVNULL)
            for path in sorted(into.rglob("*.yaral")):
                texts[f"{name} {path.name}"] = path.read_text()

        extras = [[], ["--no-dedup"], ["--include-services"], ["--cloud", "aws"], ["--cloud", "azure"], ["--cloud", "gcp"]]
        for window, identity, extra in itertools.product(["tumbling", "overlapping"], ["principal", "session"], extras):
            compile("-".join([window, identity, *extra]), "T1580", "--window", window, "--identity", identity, *extra)
        for window in "tumbling", "overlapping":
            compile(f"package-{window}", "T1580", "T1087.004", "--package", "--window", window)
        compile("seed", "T1580", "--profile", "seed")

    failed = 0
    for name, text in texts.items():
        for by, fault in ("tree-sitter-yaral", grammar(older(text))), ("yaraast", reader(older(text))):
            if fault:
                failed += 1
                print(f"{name}: {by}: {fault}")
    sample = next(t for n, t in texts.items() if n.startswith("overlapping-principal "))
    for good, bad in BROKEN:
        broken = sample.replace(good, bad, 1)
        if broken == sample or not (grammar(broken) or limited(broken)):
            failed += 1
            print(f"{bad!r} for {good!r} is not refused")
    print(f"{len(texts)} rules read, {len(BROKEN)} broken ones refused, {failed} failures")
    return 1 if failed or not texts else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
