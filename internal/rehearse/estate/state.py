"""Print what a rehearsal's account is like, in the parts that attack tests change.

    state.py URL      URL of stand_in.py's server on this machine; any other is
                      refused

One line a fact, sorted: who has which keys, policies, groups and passwords, who
may take which role, with whom snapshots and images are shared, what instances
are tagged with and what tasks there are. Two of these, before a test and after
its clean-up, must be the same.
"""
import json
import sys
import urllib.parse

import boto3
from botocore.config import Config

MOTO = sys.argv[1]
if urllib.parse.urlsplit(MOTO).hostname not in ("127.0.0.1", "localhost", "::1"):
    sys.exit("state.py: looks at the estate on this machine alone, not at " + MOTO)
REGIONS = ("us-east-1", "eu-west-1", "us-west-2")  # those of aws.py


def client(service, region="us-east-1"):
    return boto3.client(service, region_name=region, endpoint_url=MOTO, aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="none",
                        config=Config(retries={"total_max_attempts": 1}))


def identities():
    iam = client("iam")
    for user in iam.list_users()["Users"]:
        name = user["UserName"]
        for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            yield "user", name, "key", key["AccessKeyId"], key["Status"]
        for policy in iam.list_user_policies(UserName=name)["PolicyNames"]:
            yield "user", name, "policy", policy, iam.get_user_policy(UserName=name, PolicyName=policy)["PolicyDocument"]
        for policy in iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]:
            yield "user", name, "attached", policy["PolicyArn"]
        for group in iam.list_groups_for_user(UserName=name)["Groups"]:
            yield "user", name, "group", group["GroupName"]
        try:
            iam.get_login_profile(UserName=name)
            yield "user", name, "password"
        except iam.exceptions.NoSuchEntityException:
            pass
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        yield "role", name, "trust", role["AssumeRolePolicyDocument"]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            yield "role", name, "policy", policy, iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            yield "role", name, "attached", policy["PolicyArn"]
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        yield "policy", policy["Arn"], policy["DefaultVersionId"]


def shares():
    for region in REGIONS:
        ec2 = client("ec2", region)
        for snapshot in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]:
            with_ = ec2.describe_snapshot_attribute(SnapshotId=snapshot["SnapshotId"], Attribute="createVolumePermission")["CreateVolumePermissions"]
            yield "snapshot", region, snapshot["SnapshotId"], with_
        for image in ec2.describe_images(Owners=["self"])["Images"]:
            yield "image", region, image["ImageId"], ec2.describe_image_attribute(ImageId=image["ImageId"], Attribute="launchPermission")["LaunchPermissions"]


def releases():
    for region in REGIONS:
        for reservation in client("ec2", region).describe_instances()["Reservations"]:
            for instance in reservation["Instances"]:
                yield "instance", region, instance["InstanceId"], sorted((t["Key"], t["Value"]) for t in instance.get("Tags", []))
        for task in client("ecs", region).list_task_definitions(status="ACTIVE")["taskDefinitionArns"]:
            yield "task", region, task


for fact in sorted(json.dumps(fact, sort_keys=True) for part in (identities, shares, releases) for fact in part()):
    print(fact)
