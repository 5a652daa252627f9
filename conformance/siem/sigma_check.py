"""Checks Sigma rules: sigma-cli's check with the validators of pySigma and
SigmaHQ, and conversion by every backend that takes correlations.

    sigma_check.py VEDETTE

The primary form must convert everywhere, but where a trigger asks for two
counts at once; the further forms where their features are known.
"""

import glob
import itertools
import os
import subprocess
import sys
import tempfile

from sigma.backends.elasticsearch import ESQLBackend
from sigma.backends.loki import LogQLBackend
from sigma.backends.opensearch import OpenSearchPPLBackend
from sigma.backends.splunk import SplunkBackend
from sigma.backends.victorialogs import VictoriaLogsBackend
from sigma.collection import SigmaCollection
from sigma.correlations import SigmaCorrelationType
from sigma.exceptions import SigmaError
from sigma.plugins import InstalledSigmaPlugins
from sigma.validation import SigmaValidator

BACKENDS = {"Splunk": SplunkBackend, "ES|QL": ESQLBackend, "Loki": LogQLBackend, "OpenSearch PPL": OpenSearchPPLBackend, "VictoriaLogs": VictoriaLogsBackend}
# Who takes field aliases, and correlations of correlations.
ALIASES, CHAINS = ("Splunk", "OpenSearch PPL"), ("Splunk",)

# Left out: what fetches its facts from the network (tags and field names of
# SigmaHQ's own rules), a date, which rules that are compiled have not, and the
# letter case of a title, which is the detection's.
WITHOUT = ["attacktag", "d3_fendtag", "sigmahq_tags_techniques_without_tactics", "sigmahq_fieldname_cast", "sigmahq_invalid_fieldname",
           "sigmahq_redundant_field", "sigmahq_logsource_unknown", "sigmahq_filename_prefix", "sigmahq_category_windows_provider_name",
           "sigmahq_category_event_id", "sigmahq_date_existence", "sigmahq_title_case"]

HOSTILE = ['x"y', "x'y", "x`y", "x\\", 'x\\"y', "x''y", "x*/y", "x--y", "x#y", "x # y", "x: y", "x;y", "x|y", "x)y", "x]]>y", "x$$y", "x${y}", "x{{y}}",
           "x%y%", "x?y", "x*y", "\\*", "\\\\*", "x\u202ey", "x\u00a0y", "$x$", "(?x)", '" | delete', "- x", "? x", "! x", "& x", "null", "true", "~", "1e3", "[x", "{x", "> x", "@x"]


def show(vedette, name):
    return subprocess.run([vedette, "detection", "show", name], check=True, stdout=subprocess.PIPE, text=True).stdout


def hostile(vedette, path):
    """A detection with names that try to leave their quotes."""
    import json
    text = show(vedette, "T1580").partition("examples:")[0].replace("id: T1580", "id: HOSTILE", 1)
    names = json.dumps(HOSTILE)
    text = text.replace("select:\n", f"select:\n  include:\n    - {{cloud: aws, service: iam.amazonaws.com, api: {names}}}\n" +
                        "".join(f"    - {{cloud: aws, service: {json.dumps(n)}, api: Get{i}}}\n" for i, n in enumerate(HOSTILE)), 1)
    text = text.replace("name: Cloud Infrastructure Discovery", "name: " + json.dumps("T " + " ".join(HOSTILE)), 1)
    text += ("examples:\n  fire:\n    - name: ten\n      risk: 50\n      events:\n        - {cloud: aws, service: ec2.amazonaws.com, api: DescribeInstances, count: 10, every: 1s}\n"
             "  silent:\n    - name: nine\n      events:\n        - {cloud: aws, service: ec2.amazonaws.com, api: DescribeInstances, count: 9, every: 1s}\n")
    with open(path, "w") as f:
        f.write(text)


def compile_all(vedette, work):
    """Folders of compiled rules, each of one run."""
    hostile(vedette, f"{work}/hostile.yaml")
    runs = [["T1580", "--profile", "seed"], [f"{work}/hostile.yaml", "--cloud", "aws"]]
    for window, identity, cloud in itertools.product(("tumbling", "overlapping"), ("principal", "session"), ("", "aws", "azure", "gcp")):
        runs.append(["T1580", "--window", window, "--identity", identity] + (["--cloud", cloud] if cloud else ["--no-dedup", "--include-services"]))
    runs += [["T1580"], ["T1087.004"], ["T1580", "T1087.004", "--package"], [f"{work}/hostile.yaml", "--package", "--cloud", "aws"]]
    for i, args in enumerate(runs):
        out = subprocess.run([vedette, "compile", *args, "-t", "sigma", "-o", f"{work}/{i}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if out.returncode:
            sys.exit(f"vedette compile {args}: {out.stdout}")
        yield f"{work}/{i}", " ".join(args).replace(work + "/", "")


def main():
    vedette, failed = sys.argv[1], 0
    plugins = InstalledSigmaPlugins.autodiscover()
    validators = [v for k, v in plugins.validators.items() if k not in WITHOUT]
    documents = texts = issues = 0
    converted = {name: 0 for name in BACKENDS}
    with tempfile.TemporaryDirectory() as work:
        for wrong in ("title: x\nlogsource: {product: aws}\ndetection: {condition: x}", "title: x\ncorrelation: {type: value_count, rules: [x], timespan: 1x, condition: {gte: 1}}"):
            try:
                if not any(r.errors for r in SigmaCollection.from_yaml(wrong, collect_errors=True)):
                    sys.exit(f"pySigma takes {wrong!r}")
            except SigmaError:
                pass
        for folder, args in compile_all(vedette, work):
            paths = sorted(glob.glob(f"{folder}/sigma/**/*.yml", recursive=True))
            package = "--package" in args
            collection = SigmaCollection.load_ruleset([f"{folder}/sigma"], collect_errors=True)
            documents += len(collection.rules) + len(collection.filters)
            errors = collection.errors + [e for r in collection.rules for e in r.errors]
            for rule in collection.rules:
                if hasattr(rule, "detection"):
                    for condition in rule.detection.parsed_condition:
                        condition.parsed  # raises where it has faults
            # Names of files are the package's.
            names = lambda v: package or "filename" not in v.__name__.lower()
            found = SigmaValidator([v for v in validators if names(v)]).validate_rules(iter(collection.rules))
            found = [f for f in found if "Filename" not in type(f).__name__ or package]
            issues += len(found)
            for x in [*errors, *found][:3]:
                failed += 1
                print(f"{args}: {type(x).__name__} {str(x)[:300]}")
            filters = [p for p in paths if "/filters/" in p]
            if package and not filters:
                failed += 1
                print(f"{args}: no filters")
            for path in paths:
                if path in filters:
                    continue
                texts += 1
                read = lambda: SigmaCollection.load_ruleset([path, *filters])
                rules = read().rules
                chains = any(r.type == SigmaCorrelationType.TEMPORAL for r in rules if hasattr(r, "type"))
                aliases = any(len(r.aliases) for r in rules if hasattr(r, "aliases"))
                for name, backend in BACKENDS.items():
                    if chains and name not in CHAINS or aliases and name not in ALIASES:
                        continue
                    try:
                        queries = backend().convert(read())
                        if not queries:
                            raise ValueError("no queries")
                        converted[name] += 1
                    except Exception as err:
                        failed += 1
                        print(f"{args}, {os.path.basename(path)}: {name}: {err}")
            if package:
                config = f"{work}/check.yml"
                with open(config, "w") as f:
                    f.write("validators:\n    - all\n" + "".join(f"    - -{w}\n" for w in WITHOUT))
                out = subprocess.run([os.path.join(os.path.dirname(sys.executable), "sigma"), "check", "--fail-on-error", "--fail-on-issues", "-c", config, f"{folder}/sigma"],
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                if out.returncode:
                    failed += 1
                    print(f"{args}: sigma check:\n{out.stdout[-2000:]}")
    print(f"{texts} texts, {documents} documents, {issues} issues; converted: {', '.join(f'{n} {k}' for k, n in converted.items())}; {failed} faults")
    sys.exit(1 if failed else 0)


main()
