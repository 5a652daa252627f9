#!/usr/bin/env python3
"""Ask which permissions the caller has on a project, one call after another.

Each call is projects.testIamPermissions of the Resource Manager API, through
google-auth's session. The environment gives PROJECT and ACCESS_TOKEN; proxy and
authority are taken from HTTPS_PROXY and REQUESTS_CA_BUNDLE as always. The last
line says how many calls were made and what was granted; an answer other than
200 ends the run with exit code 1.
"""

import argparse
import os
import sys

import loopback  # noqa: F401 (ends the program where calls would reach the real cloud)

from google.auth.transport.requests import AuthorizedSession
from google.oauth2.credentials import Credentials

SERVICES = {
    "bigquery": "datasets jobs routines tables",
    "cloudfunctions": "functions locations operations",
    "cloudkms": "cryptoKeys importJobs keyRings",
    "cloudsql": "backupRuns databases instances users",
    "compute": "addresses disks firewalls forwardingRules images instances networks routes snapshots subnetworks",
    "container": "clusters deployments pods secrets",
    "dns": "managedZones policies resourceRecordSets",
    "iam": "roles serviceAccountKeys serviceAccounts",
    "logging": "buckets logMetrics sinks",
    "pubsub": "snapshots subscriptions topics",
    "run": "jobs revisions services",
    "secretmanager": "secrets versions",
    "storage": "buckets objects",
}
VERBS = ("create", "delete", "get", "getIamPolicy", "list", "setIamPolicy", "update")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--api", choices=("v1", "v3"), default="v3")
    parser.add_argument("--calls", type=int, default=500)
    args = parser.parse_args()

    names = [f"{s}.{k}.{v}" for s, kinds in SERVICES.items() for k in kinds.split() for v in VERBS]
    project = os.environ["PROJECT"]
    url = f"https://cloudresourcemanager.googleapis.com/{args.api}/projects/{project}:testIamPermissions"
    session = AuthorizedSession(Credentials(os.environ["ACCESS_TOKEN"]))
    granted = set()
    for n in range(args.calls):
        answer = session.post(url, json={"permissions": [names[n % len(names)]]}, timeout=60)
        if answer.status_code != 200:
            print(f"call {n}: {answer.status_code} {answer.text}", file=sys.stderr)
            return 1
        granted.update(answer.json().get("permissions", []))
    print(f"{args.calls} calls, {len(granted)} permissions: {' '.join(sorted(granted))}".rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
