#!/usr/bin/env python3
"""List whatever a project may hold, in every zone and region.

This is how a stolen key is tried out: call after call, most of them refused. The
environment gives PROJECT and ACCESS_TOKEN; proxy and authority are taken from
HTTPS_PROXY and REQUESTS_CA_BUNDLE as always. The last line counts the answers by
status; one that is neither 200 nor 403 ends the run with exit code 1.
"""

import collections
import os
import sys

import loopback  # noqa: F401 (ends the program where calls would reach the real cloud)

from google.auth.transport.requests import AuthorizedSession
from google.oauth2.credentials import Credentials

REGIONS = """asia-east1 asia-northeast1 asia-south1 asia-southeast1 australia-southeast1 europe-north1 europe-west1
europe-west2 europe-west3 europe-west4 northamerica-northeast1 southamerica-east1 us-central1 us-east1 us-east4 us-west1
us-west2""".split()
ZONES = [f"{r}-{z}" for r in REGIONS for z in "bc"]
ZONAL = "instances disks machineTypes diskTypes acceleratorTypes autoscalers instanceGroups nodeGroups".split()
REGIONAL = "addresses subnetworks routers vpnTunnels forwardingRules targetPools healthChecks commitments".split()
GLOBAL = """networks firewalls images snapshots sslCertificates backendServices healthChecks urlMaps routes securityPolicies
targetHttpProxies interconnects externalVpnGateways""".split()
ONCE = """storage.googleapis.com/storage/v1/b?project={p}
iam.googleapis.com/v1/projects/{p}/serviceAccounts
iam.googleapis.com/v1/projects/{p}/roles
cloudresourcemanager.googleapis.com/v3/projects/{p}
secretmanager.googleapis.com/v1/projects/{p}/secrets
pubsub.googleapis.com/v1/projects/{p}/topics
pubsub.googleapis.com/v1/projects/{p}/subscriptions
dns.googleapis.com/dns/v1/projects/{p}/managedZones
sqladmin.googleapis.com/v1/projects/{p}/instances
container.googleapis.com/v1/projects/{p}/locations/-/clusters
logging.googleapis.com/v2/projects/{p}/sinks""".split()
BY_REGION = """cloudfunctions.googleapis.com/v2/projects/{p}/locations/{r}/functions
run.googleapis.com/v2/projects/{p}/locations/{r}/services
cloudkms.googleapis.com/v1/projects/{p}/locations/{r}/keyRings""".split()


def urls(project):
    compute = f"compute.googleapis.com/compute/v1/projects/{project}/"
    yield from (f"{compute}zones/{z}/{kind}" for z in ZONES for kind in ZONAL)
    yield from (f"{compute}regions/{r}/{kind}" for r in REGIONS for kind in REGIONAL)
    yield from (f"{compute}global/{kind}" for kind in GLOBAL)
    yield from (u.format(p=project) for u in ONCE)
    yield from (u.format(p=project, r=r) for u in BY_REGION for r in REGIONS)


def main():
    session = AuthorizedSession(Credentials(os.environ["ACCESS_TOKEN"]))
    seen = collections.Counter()
    for url in urls(os.environ["PROJECT"]):
        answer = session.get("https://" + url, timeout=60)
        if answer.status_code not in (200, 403):
            print(f"{url}: {answer.status_code} {answer.text}", file=sys.stderr)
            return 1
        seen[answer.status_code] += 1
    print(f"{seen.total()} calls: {dict(sorted(seen.items()))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
