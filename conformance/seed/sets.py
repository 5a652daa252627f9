"""Makes sets of CloudTrail and Azure activity records that try the seed's
query at its edges: names in other letter case, empty and missing values,
equal scores, all spellings of an Azure status, repeated records, times on
and beside the edge of a bin. A number makes a set, always the same one."""

import gzip
import json
import os
import random
import sys
import time

BIN = 900  # seconds
START = 1_767_225_600  # 2026-01-01T00:00:00Z, the start of a bin

APIS = """DescribeInstances DescribeVolumes DescribeSnapshots DescribeImages ListBuckets HeadBucket
GetPublicAccessBlock GetBucketAcl GetBucketPolicy DescribeDBInstances DescribeDBClusters DescribeDBSnapshots
DescribeSecurityGroups DescribeVpcs DescribeSubnets DescribeNetworkInterfaces DescribeRouteTables
DescribeInternetGateways ListFunctions ListTables DescribeClusters GetCallerIdentity ListRoles ListUsers
DescribeLoadBalancers DescribeAutoScalingGroups DescribeKeyPairs""".split()
# Near misses: another case, an API-date suffix, no name of the list.
OTHER_APIS = ["describeinstances", "LISTBUCKETS", "ListFunctions20150331", "DescribeRegions", "GetBucketPublicAccessBlock", "RunInstances"]
SERVICES = ["ec2", "s3", "iam", "rds", "ecs", "redshift", "lambda", "dynamodb", "sts", "elasticloadbalancing"]
OPERATIONS = """Microsoft.Compute/virtualMachines/read Microsoft.Storage/storageAccounts/read Microsoft.Sql/servers/read
Microsoft.Network/virtualNetworks/read Microsoft.KeyVault/vaults/read Microsoft.ContainerService/managedClusters/read
Microsoft.Resources/subscriptions/resources/read""".split()
OTHER_OPERATIONS = ["Microsoft.Compute/virtualMachines/write", "Microsoft.Compute/virtualMachines/read/action", "Microsoft.Storage/storageAccounts/listKeys/action"]
STATUSES = ["Success", "success", "SUCCESS", "Succeeded", "Failed", "Started", "Failure", "Start"]


def write(number, folder):
    """Writes set `number` into the folder, which must be there."""
    rng = random.Random(number)
    trail = [r for _ in range(rng.randint(2, 9)) for r in burst(rng, aws)]
    lines = [r for _ in range(rng.randint(1, 7)) for r in burst(rng, azure)]
    trail += twins(rng, aws)
    # Copies of a record count again: the query does not know of event ids.
    trail += rng.sample(trail, len(trail) // 20)
    lines += rng.sample(lines, len(lines) // 20)
    rng.shuffle(trail)
    rng.shuffle(lines)
    for n in range(0, len(trail), 400):
        body = json.dumps({"Records": trail[n:n + 400]}, separators=rng.choice([(",", ":"), (", ", ": ")])).encode()
        name = os.path.join(folder, f"trail-{n:05}.json")
        if rng.random() < 0.5:
            with open(name + ".gz", "wb") as f:
                f.write(gzip.compress(body, mtime=0))
        else:
            with open(name, "wb") as f:
                f.write(body)
    with open(os.path.join(folder, "activity.jsonl"), "w") as f:
        for r in lines:
            f.write(json.dumps(r, ensure_ascii=rng.random() < 0.5) + "\n")


def burst(rng, make):
    """Calls of one caller, at times around some bins."""
    who = make(rng)
    first = START + rng.randint(0, 40) * BIN
    width = rng.choice([60, BIN - 1, BIN, BIN + 1, 3 * BIN])
    # Around the thresholds: 10 events, 5 names; 20 and 7; 50 and 10.
    size = rng.choice([4, 5, 9, 10, 11, 19, 20, 21, 49, 50, 51, 80])
    names = who.names(rng, rng.choice([1, 4, 5, 6, 7, 9, 10, 11, 27]))
    return [who.record(rng, names[i % len(names)], first + rng.choice([0, width - 1, width, rng.randint(0, width)])) for i in range(size)]


def twins(rng, make):
    """Several callers with the same figures, so that rows tie."""
    first = START + rng.randint(0, 3) * BIN
    out = []
    for _ in range(rng.randint(2, 4)):
        who = make(rng)
        for shift in range(rng.randint(1, 3)):
            out += [who.record(rng, APIS[i % 5], first + shift * BIN + i) for i in range(10)]
    return out


def some(rng, value):
    """The value; or nothing, in one of its forms."""
    return rng.choice([value] * 6 + ["", None, KeyError])


def put(o, key, value):
    if value is not KeyError:
        o[key] = value


def stamp(t):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(t))


def uuid(rng):
    h = f"{rng.getrandbits(128):032x}"
    return "-".join((h[:8], h[8:12], h[12:16], h[16:20], h[20:]))


class aws:
    def __init__(self, rng):
        self.account = rng.choice(["111122223333", "444455556666"])
        user = rng.choice(["ann", "Ann", "bob", "zo\u00eb", "role/ci", "x y"])
        self.kind = rng.choice(["IAMUser", "AssumedRole", "Root", "AWSService"])
        self.arn = {
            "IAMUser": f"arn:aws:iam::{self.account}:user/{user}",
            "AssumedRole": f"arn:aws:sts::{self.account}:assumed-role/r/{user}",
            "Root": f"arn:aws:iam::{self.account}:root",
            "AWSService": rng.choice(["", None, KeyError]),
        }[self.kind]
        self.accountId = some(rng, self.account)

    def names(self, rng, n):
        return rng.sample(APIS, n) + rng.sample(OTHER_APIS, rng.randint(0, 2))

    def record(self, rng, name, t):
        who = {"type": self.kind, "principalId": "AID" + self.kind}
        put(who, "arn", self.arn)
        put(who, "accountId", self.accountId)
        if self.kind == "AWSService":
            who["invokedBy"] = "config.amazonaws.com"
        elif rng.random() < 0.1:
            who["invokedBy"] = "cloudformation.amazonaws.com"
        r = {"eventVersion": "1.08", "userIdentity": who, "eventTime": stamp(t) + "Z",
             "eventSource": rng.choice(SERVICES) + ".amazonaws.com", "eventName": name}
        put(r, "awsRegion", some(rng, rng.choice(["us-east-1", "eu-west-1", "US-EAST-1"])))
        put(r, "sourceIPAddress", some(rng, f"203.0.113.{rng.randint(1, 14)}"))
        r["userAgent"] = "aws-cli/2.17"
        if rng.random() < 0.2:
            r["errorCode"] = rng.choice(["AccessDenied", "Client.UnauthorizedOperation", "ThrottlingException"])
        r["requestParameters"] = rng.choice([None, {"eventName": "ListBuckets", "userIdentity": {"arn": "quoted"}}])
        r["eventID"] = uuid(rng)
        r["readOnly"] = True
        r["eventType"] = "AwsApiCall"
        r["managementEvent"] = True
        r["recipientAccountId"] = rng.choice([self.account, "777788889999"])
        r["eventCategory"] = "Management"
        return r


class azure:
    def __init__(self, rng):
        self.subscription = rng.choice(["00000000-0000-4000-8000-00000000000" + c for c in "1aA"])
        self.caller = some(rng, rng.choice(["ann@example.com", "Ann@example.com", "3f0e0c2e-1b7d-4f0e-9a51-000000000001"]))
        self.row = rng.random() < 0.5  # a row of the table, or a record of the REST API
        self.fraction = rng.choice(["", ".1234567", ".5", ".999"])
        self.statuses = rng.choice([["Success"], ["Success", "success", "SUCCESS"], ["Succeeded"], STATUSES])

    def names(self, rng, n):
        ops = rng.sample(OPERATIONS, min(n, len(OPERATIONS)))
        # Another case is another name for the distinct count.
        ops += [rng.choice([str.upper, str.lower])(rng.choice(ops)) for _ in range(rng.randint(0, 3))]
        return ops + rng.sample(OTHER_OPERATIONS, rng.randint(0, 1))

    def record(self, rng, name, t):
        when = stamp(t) + self.fraction + "Z"
        group = some(rng, rng.choice(["rg-one", "RG-ONE", "rg-two"]))
        address = some(rng, f"198.51.100.{rng.randint(1, 14)}")
        status = rng.choice(self.statuses)
        if self.row:
            r = {"TimeGenerated": when, "Type": "AzureActivity", "OperationNameValue": name, "ActivityStatusValue": status,
                 "SubscriptionId": self.subscription, "CategoryValue": "Administrative", "EventDataId": uuid(rng), "CorrelationId": uuid(rng)}
            put(r, "Caller", self.caller)
            put(r, "ResourceGroup", group)
            put(r, "CallerIpAddress", address)
            return r
        resource = f"/subscriptions/{self.subscription}/providers/{name.rsplit('/', 1)[0]}/x"
        r = {"operationName": {"value": name, "localizedValue": name}, "status": {"value": status, "localizedValue": status},
             "eventTimestamp": when, "subscriptionId": self.subscription, "category": {"value": "Administrative"},
             "resourceId": resource, "eventDataId": uuid(rng), "correlationId": uuid(rng),
             "claims": {}, "authorization": {"action": name, "scope": resource}, "httpRequest": {"clientRequestId": uuid(rng)}}
        put(r, "caller", self.caller)
        put(r, "resourceGroupName", group)
        put(r["httpRequest"], "clientIpAddress", address)
        return r


if __name__ == "__main__":
    os.makedirs(sys.argv[2])
    write(int(sys.argv[1]), sys.argv[2])
