#!/usr/bin/env python3
"""The plain loop an analyst writes: gzip, json, a dictionary of bins.

    python_peer.py FILE...
"""

import collections
import gzip
import json
import sys

from seed_names import NAMES


def main():
    bins = collections.defaultdict(lambda: [0, set()])
    for name in sys.argv[1:]:
        with gzip.open(name) as f:
            for r in json.load(f)["Records"]:
                if r["eventName"] in NAMES and (arn := r["userIdentity"].get("arn")):
                    hour, quarter = r["eventTime"][:13], int(r["eventTime"][14:16]) // 15
                    b = bins[arn, r["userIdentity"].get("accountId"), hour, quarter]
                    b[0] += 1
                    b[1].add(r["eventName"])
    print(sum(1 for n, apis in bins.values() if n >= 10 or len(apis) >= 5))


if __name__ == "__main__":
    main()
