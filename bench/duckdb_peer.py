#!/usr/bin/env python3
"""Groups CloudTrail files as the benchmark's peer does: DuckDB's typed
read_json, bins of 15 minutes by caller and account, counts and distinct
names, regions and addresses. Prints the rows that pass the thresholds.

    duckdb_peer.py FOLDER THREADS
"""

import glob
import os
import sys

import duckdb

from seed_names import NAMES

# The names stand in the text: as a parameter, DuckDB does not make a set of
# them. Files larger than its 16 MB default would need maximum_object_size.
QUERY = f"""
SELECT epoch_us(r.eventTime) // 900000000 AS bin, r.userIdentity.arn AS arn, r.userIdentity.accountId AS account, count(*) AS n,
       count(DISTINCT r.eventName) AS apis, count(DISTINCT r.awsRegion) AS regions, count(DISTINCT r.sourceIPAddress) AS ips,
       min(r.eventTime), max(r.eventTime)
FROM (SELECT unnest(Records) AS r FROM read_json(?, columns = {{
  'Records': 'STRUCT(userIdentity STRUCT(arn VARCHAR, accountId VARCHAR), eventTime TIMESTAMP, eventName VARCHAR, awsRegion VARCHAR, sourceIPAddress VARCHAR)[]'}}))
WHERE r.eventName IN ({", ".join(f"'{n}'" for n in NAMES)}) AND r.userIdentity.arn <> ''
GROUP BY ALL HAVING n >= 10 OR apis >= 5
"""


def main():
    folder, threads = sys.argv[1:]
    files = sorted(glob.glob(os.path.join(folder, "**", "*.gz"), recursive=True))
    db = duckdb.connect()
    db.execute(f"SET threads = {int(threads)}")
    for row in db.execute(QUERY, [files]).fetchall():
        print(*row[:5], sep="\t")


if __name__ == "__main__":
    main()
