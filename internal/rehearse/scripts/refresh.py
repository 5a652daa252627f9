"""Read each thing of the estate by its name, as a plan of Terraform does.

    refresh.py ESTATE [ROLE]

ESTATE is what estate/aws.py printed; with a ROLE of it, such as "fleet", the
operator takes the role first, as a provider block of Terraform says. Every call
but the first names the thing that it asks about: that is what sets a refresh
apart from a look around. The reads are among those that Terraform's AWS provider
makes in a captured trail (invictus-ir/aws_dataset, as
internal/footprint/everyday.tsv has them), and one of a table, of which that trail
has none. The client does not call itself Terraform: what a client says of itself
must not be what clears it.
"""
import json
import sys

import offline

with open(sys.argv[1], encoding="utf-8") as f:
    estate = json.load(f)
resources, home = estate["resources"], estate["resources"]["home"]
session = offline.take(estate, sys.argv[2], "terraform") if len(sys.argv) > 2 else None
tally = offline.Tally()


def client(service):
    return offline.client(service, home, session)


tally.call(client("sts").get_caller_identity)
made, ec2 = resources["regions"][home], client("ec2")  # a provider block is one region
for vpc in made["vpcs"]:
    tally.call(ec2.describe_vpcs, VpcIds=[vpc])
    for attribute in ("enableDnsHostnames", "enableDnsSupport"):
        tally.call(ec2.describe_vpc_attribute, VpcId=vpc, Attribute=attribute)
for subnet in made["subnets"]:
    tally.call(ec2.describe_subnets, SubnetIds=[subnet])
for group in made["security_groups"]:
    tally.call(ec2.describe_security_groups, GroupIds=[group])
for instance in made["instances"]:
    tally.call(ec2.describe_instances, InstanceIds=[instance])
    for attribute in ("disableApiTermination", "instanceInitiatedShutdownBehavior", "userData"):
        tally.call(ec2.describe_instance_attribute, InstanceId=instance, Attribute=attribute)
for volume in made["volumes"]:
    tally.call(ec2.describe_volumes, VolumeIds=[volume])
iam = client("iam")
for role in resources["roles"]:
    tally.call(iam.get_role, RoleName=role)
    tally.call(iam.list_role_policies, RoleName=role)
    tally.call(iam.list_attached_role_policies, RoleName=role)
for policy in resources["policies"]:
    tally.call(iam.get_policy, PolicyArn=policy)
    tally.call(iam.get_policy_version, PolicyArn=policy, VersionId="v1")
s3 = client("s3")
for bucket in resources["buckets"]:
    for read in ("policy", "acl", "cors", "website", "versioning", "logging", "lifecycle_configuration", "replication", "encryption", "tagging"):
        tally.call(getattr(s3, "get_bucket_" + read), Bucket=bucket)
for database in resources["db_instances"]:
    tally.call(client("rds").describe_db_instances, DBInstanceIdentifier=database)
for table in resources["tables"]:
    tally.call(client("dynamodb").describe_table, TableName=table)
for function in resources["functions"]:
    tally.call(client("lambda").get_function, FunctionName=function)
for name in resources["secrets"]:
    tally.call(client("secretsmanager").describe_secret, SecretId=name)
print("refresh: %s" % tally)
