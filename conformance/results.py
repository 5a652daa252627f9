"""Lays verdicts over the table of RESULTS.md, or makes it anew.

    results.py FILE COMMIT WHEN [--anew] < VERDICTS

A line of VERDICTS is "target | part | checker | verdict", its first three the
row. Rows that were not checked now keep their verdict and the commit of it.
"""

import re
import sys

HEAD = """# Results of conformance/run.sh

Written by whole runs (not `--quick`), and by such of a part (`--only`) for the rows of that part. A row says at which
commit it was last checked, and when, with which Go.
Passed: by the checker named. Unverified: no checker outside was found, a strict reader of our own takes it.

| target | part | checker | verdict | commit | when |
| --- | --- | --- | --- | --- | --- |
"""


def key(cells):
    """A row whatever the version of its checker."""
    return tuple(re.sub(r"\b[vb\d.]*\d\b", "", c) for c in cells[:3])


def main():
    file, commit, when = sys.argv[1:4]
    rows = {}
    if "--anew" not in sys.argv:
        try:
            with open(file) as f:
                for line in f:
                    cells = [c.strip() for c in line.strip().strip("|").split("|")]
                    if line.startswith("| ") and len(cells) == 6 and cells[0] not in ("target", "---"):
                        rows[key(cells)] = cells
        except FileNotFoundError:
            pass
    for line in sys.stdin:
        cells = [c.strip() for c in line.split("|")]
        if len(cells) != 4:
            sys.exit(f"no verdict: {line!r}")
        rows[key(cells)] = [*cells, commit, when]
    with open(file, "w") as f:
        f.write(HEAD)
        for cells in rows.values():
            f.write("| " + " | ".join(cells) + " |\n")


main()
