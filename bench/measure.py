#!/usr/bin/env python3
"""Runs the benchmark: Vedette and its peers in turn, over and over, and
prints the ratios. bench/run.sh prepares what this needs and calls it.

Every figure is of a whole process as the operating system accounts for it:
wall time, and the largest resident set of it and its children. Files are
read from the page cache: each command has a round that is not counted.
"""

import argparse
import csv
import glob
import io
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
MB = 1e6


class Set:
    """A generated set of files."""

    def __init__(self, name, folder, figures):
        self.name, self.folder = name, folder
        self.raw, self.events, self.files = int(figures["raw_bytes"]), int(figures["events"]), int(figures["files"])
        self.ratio = figures["ratio"]

    def paths(self):
        return sorted(glob.glob(os.path.join(self.folder, "**", "*.gz"), recursive=True))


def generate(gen, data, name, *flags):
    """Makes the set, or takes the one that is there if its flags are the same."""
    folder, label = os.path.join(data, name), os.path.join(data, name + ".figures")
    want = "flags " + " ".join(flags)
    if not os.path.exists(label) or open(label).readline().strip() != want:
        shutil.rmtree(folder, ignore_errors=True)
        out = subprocess.run([gen, "-out", folder, *flags], check=True, capture_output=True, text=True).stdout
        with open(label, "w") as f:
            f.write(want + "\n" + out)
    return Set(name, folder, dict(line.split(" ", 1) for line in open(label).read().splitlines()))


def run(cmd, stdin=None):
    """Runs a command once; returns (wall seconds, peak bytes resident)."""
    start = time.perf_counter()
    p = subprocess.Popen(cmd, stdin=open(stdin) if stdin else subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, shell=isinstance(cmd, str))
    err = p.stderr.read()
    _, status, usage = os.wait4(p.pid, 0)
    wall = time.perf_counter() - start
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode != 0:
        sys.exit(f"{cmd}: exit {p.returncode}\n{err.decode()[-2000:]}")
    return wall, usage.ru_maxrss * 1024


class Row:
    """What was measured of one command on one set."""

    def __init__(self, label, raw, cmd, stdin=None):
        self.label, self.raw, self.cmd, self.stdin = label, raw, cmd, stdin
        self.walls, self.peak = [], 0

    def once(self, counted=True):
        wall, peak = run(self.cmd, self.stdin)
        if counted:
            self.walls.append(wall)
            self.peak = max(self.peak, peak)

    @property
    def rate(self):
        return self.raw / MB / statistics.median(self.walls)

    def line(self, against):
        # The ratio is taken round by round, so that it holds when the
        # machine's speed drifts, and of those the median.
        ratio = statistics.median((self.raw / w) / (against.raw / a) for w, a in zip(self.walls, against.walls))
        return (f"| {self.label} | {statistics.median(self.walls):.3f} | {min(self.walls):.3f} | {max(self.walls):.3f} "
                f"| {self.rate:,.0f} | {self.peak / MB:.0f} | {ratio:.3f} |"), ratio


def rounds(rows, n):
    for i in range(n + 1):
        for r in rows:
            r.once(counted=i > 0)
            print(f"  round {i} {r.label}: {r.walls[-1]:.3f} s" if i else f"  warm-up {r.label}", file=sys.stderr, flush=True)


HEAD = "| command | median s | min | max | MB/s | peak MB | rate / Vedette's |\n|---|---|---|---|---|---|---|"


class Report:
    def __init__(self):
        self.parts, self.verdicts, self.met = [], [], True

    def add(self, text):
        self.parts.append(text)
        print(text, flush=True)

    def table(self, rows, vedette):
        ratios = {}
        lines = [HEAD]
        for r in rows:
            line, ratios[r.label] = r.line(vedette)
            lines.append(line)
        self.add("\n".join(lines) + "\n")
        return ratios

    def verdict(self, what, figure, target, ok):
        self.verdicts.append(f"| {what} | {figure} | {target} | {'met' if ok else '**missed**'} |")
        self.met = self.met and ok


def describe(s):
    return f"{s.events:,} events, {s.files:,} files, {s.raw / MB:,.0f} MB raw, gzip {s.ratio}x"


def agreement(vedette, python, s):
    """Both must find the same rows, or the comparison compares nothing."""
    out = subprocess.run([vedette, "scan", s.folder, "--profile", "seed", "--format", "csv", "--quiet"], check=True, capture_output=True, text=True).stdout
    mine = sorted((r["Identity"], r["AccountId"], r["TimeGenerated"], r["DiscoveryCount"], r["DistinctAPIs"]) for r in csv.DictReader(io.StringIO(out)))
    out = subprocess.run([*python, os.path.join(HERE, "duckdb_peer.py"), s.folder, "2"], check=True, capture_output=True, text=True).stdout
    theirs = []
    for line in out.splitlines():
        bin_, arn, account, n, apis = line.split("\t")
        theirs.append((arn, account, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(bin_) * 900)), n, apis))
    if mine != sorted(theirs):
        sys.exit(f"Vedette's seed profile and DuckDB give different rows: {len(mine)} and {len(theirs)}")
    return len(mine)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    ap.add_argument("--vedette", required=True)
    ap.add_argument("--gen", required=True)
    ap.add_argument("--data", required=True)
    ap.add_argument("--runs", type=int, default=5)
    ap.add_argument("--scale", type=float, default=1, help="size of every set, as a part of the full one")
    ap.add_argument("--only", default="big,small,growth,many")
    ap.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    ap.add_argument("--out", help="write the table to this file")
    args = ap.parse_args()
    parts = args.only.split(",")
    os.makedirs(args.data, exist_ok=True)
    python = [sys.executable]
    report = Report()
    scan = lambda folder, *flags: [args.vedette, "scan", folder, "--workers", "2", *flags]
    sized = lambda gb: ("-size", str(int(gb * 1e9 * args.scale)))
    lists = tempfile.mkdtemp(prefix="lists-", dir=args.data)

    def file_list(s, name, part=1):
        path = os.path.join(lists, name)
        with open(path, "w") as f:
            f.write("\n".join(s.paths()[::part]) + "\n")
        return path

    igzip = shutil.which("igzip")
    has_duckdb = subprocess.run([*python, "-c", "import duckdb"], capture_output=True).returncode == 0
    for what, have in (("igzip", igzip), ("DuckDB", has_duckdb)):
        if not have:
            report.add(f"**Skipped: {what} is not installed; nothing below compares with it.**\n")
            report.verdict(f"rate, by {what}'s", "not measured", "", False)
    if args.scale != 1:
        report.add(f"**Sets are {args.scale} of their full size: the targets are not meant for that.**\n")

    if "big" in parts:
        big = generate(args.gen, args.data, "big", *sized(2))
        report.add(f"### Files of a few MB\n\n{describe(big)}. Default profile, table to /dev/null, two workers.\n")
        rows = [v := Row("vedette scan", big.raw, scan(big.folder))]
        if igzip:
            rows.append(Row("xargs -P2 igzip -dc", big.raw, ["xargs", "-P2", "-n8", "igzip", "-dc"], file_list(big, "big")))
        if has_duckdb:
            rows.append(Row("DuckDB typed read_json, 2 threads", big.raw, [*python, os.path.join(HERE, "duckdb_peer.py"), big.folder, "2"]))
        some = big.paths()[::16]
        raw = big.raw * len(some) / big.files
        rows.append(Row(f"Python gzip+json loop ({len(some)} of the files)", raw, [*python, os.path.join(HERE, "python_peer.py"), *some]))
        rounds(rows, args.runs)
        ratios = report.table(rows, v)
        if has_duckdb:
            report.add(f"`--profile seed` and DuckDB give the same {agreement(args.vedette, python, big):,} rows on this set.\n")
            x = 1 / ratios[rows[2 if igzip else 1].label]
            report.verdict("rate, in DuckDB's", f"{x:.1f}x", "3x", x >= 3)
        if igzip:
            x = 1 / ratios[rows[1].label]
            report.verdict("rate, of igzip's, large files", f"{x:.2f}", "0.25", x >= 0.25)
        x = 1 / ratios[rows[-1].label]
        report.verdict("rate, in the Python loop's", f"{x:.0f}x", "15x", x >= 15)
        report.verdict("peak memory, large files", f"{v.peak / MB:.0f} MB", "300 MB", v.peak < 300 * MB)

    if "small" in parts:
        small = generate(args.gen, args.data, "small", *sized(0.25), "-records", "8")
        report.add(f"### Files of 8 records\n\n{describe(small)}.\n")
        rows = [v := Row("vedette scan", small.raw, scan(small.folder))]
        if igzip:
            rows.append(Row("xargs -P2 -n2000 igzip -dc", small.raw, ["xargs", "-P2", "-n2000", "igzip", "-dc"], file_list(small, "small")))
        rounds(rows, args.runs)
        ratios = report.table(rows, v)
        if igzip:
            x = 1 / ratios[rows[1].label]
            report.verdict("rate, of igzip's, small files", f"{x:.2f}", "0.25", x >= 0.25)

    if "growth" in parts:
        report.add("### Growth\n")
        rows = []
        for gb in (0.5, 1, 2, 4):
            s = generate(args.gen, args.data, "big" if gb == 2 else f"size-{gb}", *sized(gb))
            rows.append(Row(f"vedette scan, {s.raw / 1e9:.2f} GB", s.raw, scan(s.folder)))
        rounds(rows, args.runs)
        report.table(rows, rows[0])
        # Linear: the rate does not fall as the input grows.
        x = rows[-1].rate / max(r.rate for r in rows)
        report.verdict("rate of 4 GB, of the fastest size's", f"{x:.2f}", "0.8", x >= 0.8)

    if "many" in parts:
        many = generate(args.gen, args.data, "many", "-principals", str(int(1e6 * args.scale)), "-each", "4")
        report.add(f"### Many callers\n\n{describe(many)}: {int(1e6 * args.scale):,} callers with 4 scoring events each, in files far apart.\n")
        rows = [v := Row("vedette scan", many.raw, scan(many.folder)), low := Row("vedette scan --memory 48MiB", many.raw, scan(many.folder, "--memory", "48MiB"))]
        rounds(rows, max(1, args.runs // 2))
        report.table(rows, v)
        report.verdict("peak memory, a million callers", f"{v.peak / MB:.0f} MB", "600 MB", v.peak < 600 * MB)
        report.verdict("the same with --memory 48MiB", f"{low.peak / MB:.0f} MB", "less", low.peak < v.peak)

    if report.verdicts:
        report.add("### Targets\n\n| figure | measured | target | |\n|---|---|---|---|\n" + "\n".join(report.verdicts) + "\n")
    shutil.rmtree(lists)

    if args.out:
        version = lambda *cmd: subprocess.run(cmd, capture_output=True, text=True).stdout.strip().splitlines()[0]
        duck = version(*python, "-c", "import duckdb; print(duckdb.__version__)") if has_duckdb else "absent"
        iz = version(igzip, "--version").split()[-1] if igzip else "absent"
        with open(args.out, "w") as f:
            f.write(f"""# Benchmark

Written by `bench/run.sh`, which measures everything in one interleaved run. Ratios are what to
quote: seconds depend on the machine and on who else uses it. Files are read from the page
cache. The logs are made by `bench/gen` and nothing here was measured on real trails.

{os.cpu_count()} cores, {platform.machine()}, {args.runs} counted rounds; {version("go", "version").split()[2]}, igzip {iz}, DuckDB {duck}, Python {platform.python_version()}. MB are 10^6 bytes, rates are of raw JSON.

""" + "\n".join(report.parts))
    return 1 if args.check and not report.met else 0


if __name__ == "__main__":
    sys.exit(main())
