"""A live rehearsal from end to end, with no cloud: vedette rehearse run --live
calls a moto server through vedette record, whose trail fills a folder late, in
batches and with copies; vedette rehearse verify --live waits there for the
lines and the finding, and prints the queries.

    live.py VEDETTE PYTHON

PYTHON is one that has moto's server.
"""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

vedette, python = os.path.abspath(sys.argv[1]), sys.argv[2]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait(url):
    for _ in range(300):
        try:
            return urllib.request.urlopen(url, timeout=2).read()
        except OSError:
            time.sleep(0.2)
    sys.exit("no answer from " + url)


work = tempfile.mkdtemp()
moto_port, record_port = free_port(), free_port()
moto = subprocess.Popen([python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(moto_port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
record = None
try:
    upstream = "http://127.0.0.1:%d" % moto_port
    wait(upstream + "/moto-api/data.json")
    ca, trail = os.path.join(work, "ca.pem"), os.path.join(work, "trail")
    record = subprocess.Popen([vedette, "record", "--provider", "aws", "--listen", "127.0.0.1:%d" % record_port, "--upstream", upstream,
                               "-o", trail, "--every", "2s", "--redeliver", "2", "--ca", ca], stderr=subprocess.PIPE, text=True)
    for _ in range(100):
        if os.path.exists(ca):
            break
        time.sleep(0.1)
    env = {"PATH": os.environ["PATH"], "HOME": work, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "a-secret-that-must-not-show",
           "AWS_CA_BUNDLE": ca, "HTTPS_PROXY": "http://127.0.0.1:%d" % record_port, "AWS_REGION": "us-east-1"}

    def run(*args, code=0):
        done = subprocess.run([vedette, "rehearse", *args], cwd=work, env=env, capture_output=True, text=True, timeout=240)
        if done.returncode != code:
            sys.exit("%s: exit code %d\n%s%s" % (args, done.returncode, done.stdout, done.stderr))
        return done

    refused = run("run", "aws-cli-inventory", "--live", code=1)
    if "nothing was called" not in refused.stderr:
        sys.exit("without a yes it called: " + refused.stderr)
    made = run("run", "aws-cli-inventory", "--live", "--yes")
    marker = re.search(r"vedette-rehearsal/[a-z0-9-]+", made.stderr)
    if not marker:
        sys.exit("no marker announced:\n" + made.stderr)
    kept = open(os.path.join(work, "rehearsal", "aws-cli-inventory", "live", "run.json"), encoding="utf-8").read()
    if "a-secret-that-must-not-show" in kept + made.stderr + made.stdout:
        sys.exit("the secret is shown")
    seen = run("verify", "aws-cli-inventory", "--live", trail, "--wait", "90s", "--every", "1s", "--level", "low", "--format", "json", "--queries", os.path.join(work, "queries"))
    arrival, _ = json.JSONDecoder().raw_decode(seen.stdout)
    if len(arrival["lines"]) != arrival["lines_expected"] or not arrival.get("finding") or "finding_seconds" not in arrival:
        sys.exit("not everything came: " + seen.stdout)
    languages = os.listdir(os.path.join(work, "queries"))
    if len(languages) < 15:
        sys.exit("queries for %s alone" % languages)
    print("%d calls marked %s: first line after %.0f s, finding after %.0f s, queries for %d targets" % (
        arrival["lines_expected"], marker.group(), arrival["first_line_seconds"], arrival["finding_seconds"], len(languages)))

    # A trail that nothing reaches says what is missing.
    late = run("verify", "aws-cli-inventory", "--live", os.path.join(work, "empty"), "--wait", "3s", "--every", "1s", code=1)
    if "missing" not in late.stdout:
        sys.exit("nothing is said of what is missing:\n" + late.stdout + late.stderr)
    print("an empty folder: " + next(line for line in late.stdout.splitlines() if line.startswith("missing")))
finally:
    if record:
        record.send_signal(signal.SIGINT)
        record.wait(20)
    moto.kill()
