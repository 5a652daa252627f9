"""Nine reads from the session of an instance's role, as after a break-in.

    ec2_enumerate_from_instance.py ESTATE ROLE

ESTATE is what estate/aws.py printed, ROLE one of its roles: "instance" may
nothing of it, "fleet" everything. The calls, in order, are those of Stratus Red
Team's aws.discovery.ec2-enumerate-from-instance (commit 7c9a7a5), which Atomic
Red Team's first T1580 test runs. On a real instance EC2 itself takes the role
and no call of AssumeRole by a user is logged; here the operator takes it, with
the instance's id as the session's name, because no stand-in has a metadata
service.
"""
import json
import sys

import offline

with open(sys.argv[1], encoding="utf-8") as f:
    estate = json.load(f)
home = estate["resources"]["home"]
instance = estate["resources"]["regions"][home]["instances"][0]
session = offline.take(estate, sys.argv[2], instance)

tally = offline.Tally()
for service, method, params in (
        ("sts", "get_caller_identity", {}),
        ("s3", "list_buckets", {}),
        ("iam", "get_account_summary", {}),
        ("iam", "list_roles", {}),
        ("iam", "list_users", {}),
        ("iam", "get_account_authorization_details", {}),
        ("ec2", "describe_snapshots", {}),
        ("cloudtrail", "describe_trails", {}),
        ("guardduty", "list_detectors", {})):
    tally.call(getattr(offline.client(service, home, session), method), **params)
print("ec2_enumerate_from_instance: %s" % tally)
