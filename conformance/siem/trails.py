"""Trails and rows for the checks of compiled rules: what is captured, what is
generated, and how rows compare. Nothing here is Vedette's own code.
"""

import glob
import gzip
import json
import os
import random
import subprocess
import sys
import time


def records(path):
    """The records of a folder of logs: CloudTrail files, LogEntry arrays, and
    Azure's resource logs as diagnostic settings write them."""
    for name in sorted(glob.glob(os.path.join(path, "**", "*"), recursive=True)):
        if not os.path.isfile(name) or os.path.basename(name) == "rows.json":
            continue
        data = open(name, "rb").read()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        try:
            docs = [json.loads(data)]
        except ValueError:
            try:
                docs = [json.loads(line) for line in data.splitlines() if line.strip()]
            except ValueError:
                continue
        for doc in docs:
            if isinstance(doc, dict):
                doc = doc.get("Records", doc.get("records", [doc]))
            for r in doc if isinstance(doc, list) else []:
                if isinstance(r, dict) and table_of(r):
                    yield r


def table_of(r):
    """The table that a record belongs to, None for what is no record."""
    if "eventSource" in r and "eventName" in r and "eventTime" in r:
        return "cloudtrail"
    if isinstance(r.get("protoPayload"), dict):
        return "gcp_audit"
    return {"Administrative": "azure_activity", "AuditEvent": "azure_key_vault", "StorageRead": "azure_storage",
            "MicrosoftGraphActivityLogs": "azure_graph"}.get(r.get("category")) if "operationName" in r or "properties" in r else None


def when(t):
    """A time in a form that compares, to the second."""
    return str(t).replace("T", " ").replace("Z", "").replace("+00:00", "").split(".")[0]


def key(r):
    """A row in a form that compares: lists are sets, times without zeros."""
    lists = [tuple(sorted(json.loads(v) if isinstance(v, str) else v)) for v in (r["APIList"], r["SourceIPs"])]
    if len(lists[0]) >= 50:
        lists[0] = "capped"
    if len(lists[1]) >= 10:
        lists[1] = "capped"
    return (r["CloudProvider"], r["Identity"], r["AccountId"], when(r["TimeGenerated"]), int(r["DiscoveryCount"]), int(r["DistinctAPIs"]),
            lists[0], int(r["DistinctRegions"]), lists[1], when(r["FirstSeen"]), when(r["LastSeen"]), int(r["RiskScore"]))


def vedette(program, path, *args):
    out = subprocess.run([program, "scan", path, "-q", "-f", "json", *args], stdout=subprocess.PIPE, check=False)
    if out.returncode not in (0, 4):
        sys.exit(f"vedette scan {path}: exit code {out.returncode}")
    return json.loads(out.stdout)


def compiled(program, target, *args, detection="T1580"):
    return subprocess.run([program, "compile", detection, "-t", target, *args], stdout=subprocess.PIPE, check=True, text=True).stdout


def generated(n, others=False):
    """A trail with what queries trip over: edges of bins, denials, versions in
    names, quotes, empty and absent values, sessions of one role, copies."""
    rnd = random.Random(n)
    a, b, c = f"1111{n:08d}", f"4444{n:08d}", f"7777{n:08d}"  # of its own, so that sets can be read together
    users = [
        {"type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": f"arn:aws:iam::{a}:user/o'brien \"x\"", "accountId": a, "accessKeyId": "AKIAEXAMPLE", "userName": "o'brien"},
        {"type": "Root", "principalId": a, "arn": f"arn:aws:iam::{a}:root", "accountId": a},
        {"type": "AWSService", "invokedBy": "config.amazonaws.com"},
    ]
    if others:
        users += [
            {"type": "SAMLUser", "principalId": "S/1", "userName": "ann", "identityProvider": "idp/x"},
            {"type": "WebIdentityUser", "principalId": "w:1:2", "identityProvider": "accounts.google.com"},
            {"type": "IdentityCenterUser", "accountId": a, "onBehalfOf": {"userId": "u-1", "identityStoreArn": f"arn:aws:identitystore::{a}:identitystore/d-1"}, "credentialId": "c-1"},
            {"type": "AWSAccount", "principalId": "AROAX:y", "accountId": c},
            {"type": "FederatedUser", "principalId": f"{a}:fed", "arn": f"arn:aws:sts::{a}:federated-user/fed", "accountId": a, "accessKeyId": "ASIAFED",
             "sessionContext": {"sessionIssuer": {"type": "IAMUser", "principalId": "AIDAX", "arn": f"arn:aws:iam::{a}:user/maker", "accountId": a, "userName": "maker"}}},
        ]
    for session in ("a", "b", "c/d"):
        users.append({"type": "AssumedRole", "principalId": "AROAEXAMPLE:" + session, "arn": f"arn:aws:sts::{a}:assumed-role/reader/" + session,
                      "accountId": a, "accessKeyId": "ASIA" + session, "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": "AROAEXAMPLE", "arn": f"arn:aws:iam::{a}:role/reader", "accountId": a, "userName": "reader"}}})
    for who in ("ann@example.org", "bob@example.org"):
        users.append({"type": "AssumedRole", "principalId": "AROASSO:" + who, "arn": f"arn:aws:sts::{b}:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/" + who,
                      "accountId": b, "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": "AROASSO", "arn": f"arn:aws:iam::{b}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef", "accountId": b, "userName": "AWSReservedSSO_Admin_0123456789abcdef"}}})
    calls = [("ec2", "DescribeInstances"), ("ec2", "DescribeVpcs"), ("ec2", "DescribeRegions"), ("s3", "ListBuckets"), ("s3", "GetBucketAcl"), ("s3", "GetObject"), ("lambda", "ListFunctions20150331"),
             ("cloudfront", "ListDistributions2020_05_31"), ("iam", "ListUsers"), ("iam", "GetUser"), ("iam", "GenerateCredentialReport"), ("ecs", "DescribeClusters"), ("redshift", "DescribeClusters"),
             ("secretsmanager", "GetSecretValue"), ("ec2", "RunInstances"), ("sts", "GetCallerIdentity"), ("codecommit", "GetFile"), ("kms", "ListKeys"), ("newthing", "ListNewThings"), ("newthing", "GetawayCar")]
    out = []
    base = 1_715_000_400 // 900 * 900
    for i in range(rnd.randrange(40, 200)):
        t = base + rnd.choice([rnd.randrange(0, 3600), 899, 900, 901, 1799, 1800])
        service, name = rnd.choice(calls)
        user = rnd.choice(users[: rnd.randrange(1, len(users) + 1)])
        stamp = stamp_of(t)
        r = {"eventVersion": "1.09", "userIdentity": user, "eventTime": stamp, "eventSource": service + ".amazonaws.com", "eventName": name,
             "awsRegion": rnd.choice(["eu-west-1", "us-east-1", "ap-south-1"]), "sourceIPAddress": rnd.choice(["198.51.100.7", "203.0.113.9", "config.amazonaws.com" if user["type"] == "AWSService" else "192.0.2.1"]),
             "userAgent": 'x"y\\z', "requestParameters": rnd.choice([None, {"a": "it's"}, {"b": [1, 2]}]), "responseElements": None,
             "eventID": f"{n:08x}-0000-4000-8000-{i:012x}", "requestID": f"{i:08x}", "readOnly": True, "eventType": "AwsApiCall", "managementEvent": True,
             "eventCategory": "Management", "recipientAccountId": user.get("accountId", a)}
        if rnd.random() < 0.3:
            r["errorCode"] = rnd.choice(["AccessDenied", "Client.UnauthorizedOperation", "ValidationException", "NoSuchBucket"])
        out.append(r)
        if rnd.random() < 0.1:
            out.append(r)
    return out


def stamp_of(t):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))


def compare(name, got, want):
    got, want = sorted(map(key, got)), sorted(map(key, want))
    if got == want:
        return True
    print(f"{name}: {len(got)} rows, {len(want)} of vedette scan")
    for x in [g for g in got if g not in want][:1]:
        print("  only there:  ", x)
    for x in [w for w in want if w not in got][:1]:
        print("  only vedette:", x)
    return False


def cases(folder):
    """The cases of a folder: name, records, rows, detection or None, and the
    targets that only approximate it."""
    for file in sorted(glob.glob(os.path.join(folder, "*", "case.yaml"))):
        path, meta = os.path.dirname(file), {}
        for line in open(file):
            k, _, v = line.partition(": ")
            meta[k] = v.strip()
        yield (os.path.basename(path), list(records(os.path.join(path))), json.load(open(os.path.join(path, "rows.json"))),
               meta.get("detection"), meta.get("approximate", "").strip("[]").split(", "))
