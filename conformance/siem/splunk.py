"""Checks packages for Splunk by Splunk's own programs: the content pack is
validated and built by contentctl, the app and what contentctl built are
inspected by AppInspect, as for Splunk Cloud. Searches go through splint, a
linter; no grammar of SPL is to be had.

    splunk.py VEDETTE CONTENTCTL APPINSPECT SPLINT
"""

import glob
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

program, contentctl, appinspect, splint = map(os.path.abspath, sys.argv[1:])
QUIET = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}


def pack(template, content, command, change=None):
    """contentctl's faults in a pack; the folder of what it built."""
    folder = tempfile.mkdtemp(dir=os.path.dirname(template))
    shutil.copytree(template, folder, dirs_exist_ok=True)
    shutil.copytree(content, folder, dirs_exist_ok=True)
    if change:
        path = sorted(glob.glob(f"{folder}/detections/cloud/*.yml"))[0]
        text = open(path).read()
        assert change[0] in text, change
        with open(path, "w") as f:
            f.write(text.replace(*change))
    run = subprocess.run([contentctl, command], cwd=folder, **QUIET)
    return (run.stdout[-3000:] if run.returncode else None), folder


def inspect(folder, work):
    """What AppInspect finds in an app, worse than a note."""
    package, report = os.path.join(work, "app.tgz"), os.path.join(work, "report.json")
    with tarfile.open(package, "w:gz") as t:
        t.add(folder, arcname=os.path.basename(folder))
    if os.path.exists(report):
        os.remove(report)
    subprocess.run([appinspect, "inspect", package, "--mode", "precert", "--included-tags", "cloud", "--data-format", "json", "--output-file", report], cwd=work, **QUIET)
    doc = json.load(open(report))
    checks = [c for r in doc["reports"] for g in r["groups"] for c in g["checks"]]
    if doc["summary"]["success"] < 20:
        yield f"only {doc['summary']['success']} checks succeeded"
    for c in checks:
        if c["result"] in ("failure", "error", "future_failure", "warning"):
            yield f"{c['name']}: {c['result']}: {c['messages'][0]['message']}"


def main():
    failed = 0

    def fault(what):
        nonlocal failed
        failed += 1
        print(what)
    with tempfile.TemporaryDirectory() as work:
        template = os.path.join(work, "template")
        os.makedirs(template)
        subprocess.run([contentctl, "init"], cwd=template, check=True, **QUIET)
        out = None
        for window in ("tumbling", "overlapping"):
            for identity in ("principal", "session"):
                out = os.path.join(work, window + identity)
                subprocess.run([program, "compile", "T1580", "T1087.004", "-t", "splunk", "--package", "--window", window, "--identity", identity, "-o", out],
                               check=True, stdout=subprocess.DEVNULL)
                last = (window, identity) == ("overlapping", "session")
                wrong, folder = pack(template, f"{out}/splunk/contentctl", "build" if last else "validate")
                if wrong:
                    fault(f"contentctl, {window}, {identity}: {wrong}")
                for found in inspect(f"{out}/splunk/vedette_discovery", work):
                    fault(f"AppInspect, {window}, {identity}: {found}")
                if last and not wrong:
                    # Its icons and views are contentctl's own.
                    for found in inspect(f"{folder}/dist/ContentPack", work):
                        if "savedsearches" in found or "transforms" in found or "failure" in found.split(": ")[1]:
                            fault(f"AppInspect of what contentctl built: {found}")
        queries = 0
        for n, args in enumerate((a, b, c) for a in ("tumbling", "overlapping") for b in ("principal", "session") for c in ("vedette", "seed")):
            text = subprocess.run([program, "compile", "T1580", "-t", "splunk", "--window", args[0], "--identity", args[1], "--profile", args[2]],
                                  check=True, stdout=subprocess.PIPE, text=True).stdout
            path = os.path.join(work, f"{n}.spl")
            with open(path, "w") as f:
                f.write(text)
            run = subprocess.run([splint, path], **QUIET)
            queries += 1
            if run.returncode:
                fault(f"splint, {args}: {run.stdout}")
        # What must not pass.
        for change in [("asset_type: Azure Tenant", "asset_type: Planet"), ("_filter`", "_nothing`"), ("mitre_attack_id:\n", "mitre_attack_id:\n    - X1\n"), ("lookup vedette_exceptions", "lookup nowhere"), ("type: ", "kind: ")]:
            if not pack(template, f"{out}/splunk/contentctl", "validate", change)[0]:
                fault(f"contentctl lets pass {change}")
        conf = f"{out}/splunk/vedette_discovery/default/savedsearches.conf"
        text = open(conf).read()
        with open(conf, "w") as f:
            f.write(text.replace("*/15 * * * *", "every now and then"))
        if not list(inspect(f"{out}/splunk/vedette_discovery", work)):
            fault("AppInspect lets a wrong cron schedule pass")
    print(f"4 packages, {queries} searches, {failed} faults")
    sys.exit(1 if failed else 0)


main()
