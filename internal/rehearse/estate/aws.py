"""Build the AWS account of the rehearsals, straight in moto.

    aws.py URL        URL of stand_in.py's server on this machine; any other is
                      refused

Prints one JSON object:

    account    the account's number
    keys       access keys by part: admin, operator, scanner, low, developer,
               dormant, vendor (of another account) and root; each with id,
               secret and arn
    roles      ARNs of roles: instance (may do little), fleet (may do all) and
               ci, which the operator may take, and vendor, which the vendor's
               account may
    policy     by principal's ARN the actions it may take, in the form of the
               recorder's Policy; the same actions are attached in IAM
    resources  identifiers by kind, for scripts that ask about what is there

moto's random numbers are seeded, so that every run gives the same keys and
identifiers. What moto draws elsewhere (KMS keys, some ARNs) differs from run to
run and stands in no principal's name.
"""
import io
import json
import sys
import urllib.parse
import urllib.request
import zipfile

import boto3
from botocore.config import Config

MOTO = sys.argv[1]
if urllib.parse.urlsplit(MOTO).hostname not in ("127.0.0.1", "localhost", "::1"):
    sys.exit("aws.py: builds the estate on this machine alone, not at " + MOTO)
urllib.request.urlopen(urllib.request.Request(MOTO + "/moto-api/seed?a=1580", data=b"", method="POST")).read()

ACCOUNT = "111122223333"  # kept for documentation; stand_in.py has it too
VENDOR = "444455556666"  # another one that is
ROOT = "AKIAEXAMPLEROOT00001"  # no call of IAM makes a key of root; stand_in.py has it too
REGIONS = ("us-east-1", "eu-west-1", "us-west-2")
HOME = "eu-west-1"

# What each principal may do. "low" is the key of a backup job: enough to be
# useful to a thief, far too little for what a thief asks.
ALLOWED = {
    "user/marek.novak": ["*"],
    "user/anna.lindqvist": ["sts:AssumeRole", "ec2:Describe*", "s3:ListAllMyBuckets", "s3:ListBucket", "s3:GetBucket*", "dynamodb:*", "logs:*", "lambda:*",
                            "cloudwatch:*", "rds:Describe*", "iam:Get*"],
    "user/posture-scan": ["*"],
    "user/backup-sync": ["ec2:DescribeVolumes", "ec2:DescribeSnapshots", "ec2:CreateSnapshot", "s3:ListAllMyBuckets", "s3:ListBucket", "s3:GetObject", "rds:DescribeDBInstances"],
    "role/shop-worker": ["s3:GetObject", "s3:ListBucket", "dynamodb:GetItem", "dynamodb:PutItem", "sqs:*", "ssm:GetParameter", "ec2:DescribeInstanceStatus"],
    "role/fleet-manager": ["*"],
    "role/ci-deploy": ["ecs:*", "ecr:*", "lambda:*", "s3:*", "cloudformation:*", "ec2:DescribeImages", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups",
                       "ec2:CreateTags", "ssm:GetParameter*", "logs:*"],
    "user/jan.kowalski": ["ec2:Describe*", "s3:List*", "lambda:List*", "logs:Describe*"],
    "user/old-deploy": ["ec2:Describe*", "ecs:*", "ecr:*", "s3:List*", "iam:List*", "iam:Get*", "lambda:List*", "rds:Describe*"],
    # What a product that looks for savings asks for in its set-up guide.
    "role/cost-review": ["ec2:Describe*", "rds:Describe*", "cloudwatch:*", "ce:*", "iam:List*", "iam:Get*", "s3:List*", "s3:GetBucket*", "lambda:List*",
                         "secretsmanager:List*", "kms:List*", "logs:Describe*"],
}
USERS = {"admin": "marek.novak", "operator": "anna.lindqvist", "scanner": "posture-scan", "low": "backup-sync"}
ROLES = {"instance": "shop-worker", "fleet": "fleet-manager", "ci": "ci-deploy"}


def arn(principal):
    return "arn:aws:iam::%s:%s" % (ACCOUNT, principal)


def document(actions):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]})


def client(service, region="us-east-1"):
    return boto3.client(service, region_name=region, endpoint_url=MOTO, aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="none",
                        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}))


def identities():
    """Users with keys, groups, roles that may be taken, policies."""
    iam = client("iam")
    iam.create_account_alias(AccountAlias="shop-prod")
    iam.update_account_password_policy(MinimumPasswordLength=14, RequireSymbols=True)
    keys = {}
    for part, user in USERS.items():
        iam.create_user(UserName=user)
        key = iam.create_access_key(UserName=user)["AccessKey"]
        keys[part] = {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"], "arn": arn("user/" + user)}
        iam.put_user_policy(UserName=user, PolicyName=user, PolicyDocument=document(ALLOWED["user/" + user]))
    for user in ("jan.kowalski", "sofia.ruiz", "old-deploy"):
        iam.create_user(UserName=user)
    for group, members in (("admins", ["marek.novak"]), ("shop", ["anna.lindqvist", "jan.kowalski", "sofia.ruiz"])):
        iam.create_group(GroupName=group)
        for user in members:
            iam.add_user_to_group(GroupName=group, UserName=user)
    iam.create_login_profile(UserName="anna.lindqvist", Password="Not-a-password-1")
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}},
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": keys["operator"]["arn"]}}]}
    for role in list(ROLES.values()) + ["billing-export", "resize-images", "shop-cluster"]:
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))
        if "role/" + role in ALLOWED:
            iam.put_role_policy(RoleName=role, PolicyName=role, PolicyDocument=document(ALLOWED["role/" + role]))
    iam.create_instance_profile(InstanceProfileName="shop-worker")
    iam.add_role_to_instance_profile(InstanceProfileName="shop-worker", RoleName="shop-worker")
    shared = iam.create_policy(PolicyName="shop-read", PolicyDocument=document(["ec2:Describe*", "s3:List*"]))["Policy"]["Arn"]
    iam.attach_group_policy(GroupName="shop", PolicyArn=shared)
    iam.attach_role_policy(RoleName="billing-export", PolicyArn=shared)
    return keys, {"policies": [shared], "users": list(USERS.values()) + ["jan.kowalski", "sofia.ruiz", "old-deploy"],
                  "roles": list(ROLES.values()) + ["billing-export", "resize-images", "shop-cluster"]}


def machines(region, count):
    """Instances with all that hangs on them."""
    ec2 = client("ec2", region)
    image = ec2.register_image(Name="shop-web-v3", Architecture="x86_64", RootDeviceName="/dev/xvda", VirtualizationType="hvm")["ImageId"]
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.1.0/24")["Subnet"]["SubnetId"]
    groups = []
    for name, port in (("shop-web", 443), ("shop-ssh", 22)):
        group = ec2.create_security_group(GroupName=name, Description="Shop", VpcId=vpc)["GroupId"]
        ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp="0.0.0.0/0")
        groups.append(group)
    key = ec2.create_key_pair(KeyName="shop-" + region)["KeyName"]
    made = ec2.run_instances(ImageId=image, MinCount=count, MaxCount=count, InstanceType="t3.small", SubnetId=subnet, SecurityGroupIds=groups, KeyName=key,
                             IamInstanceProfile={"Name": "shop-worker"}, UserData="#!/bin/sh\necho shop\n",
                             TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "app", "Value": "shop"}]}])
    volumes = [ec2.create_volume(AvailabilityZone=region + "a", Size=20, Encrypted=n == 0)["VolumeId"] for n in range(2)]
    snapshots = [ec2.create_snapshot(VolumeId=v, Description="weekly")["SnapshotId"] for v in volumes]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    return {"instances": [i["InstanceId"] for i in made["Instances"]], "volumes": volumes, "snapshots": snapshots, "security_groups": groups,
            "key_pairs": [key], "vpcs": [vpc], "subnets": [subnet], "addresses": [address], "images": [image]}


def storage():
    """Buckets, one of them open, and the trail that writes into the last."""
    s3 = client("s3", HOME)
    buckets = ["shop-orders-eu", "shop-images-eu", "shop-backups-eu", "shop-exports-eu", "shop-trail-eu"]
    for bucket in buckets:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": HOME})
        s3.put_object(Bucket=bucket, Key="readme.txt", Body=b"shop\n")
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "app", "Value": "shop"}]})
    s3.put_public_access_block(Bucket="shop-backups-eu", PublicAccessBlockConfiguration={"BlockPublicAcls": True, "BlockPublicPolicy": True})
    s3.put_bucket_versioning(Bucket="shop-backups-eu", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_policy(Bucket="shop-images-eu", Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shop-images-eu/*"}]}))
    s3.put_bucket_policy(Bucket="shop-trail-eu", Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject", "Resource": "arn:aws:s3:::shop-trail-eu/*"}]}))
    cloudtrail = client("cloudtrail", HOME)
    cloudtrail.create_trail(Name="shop-trail", S3BucketName="shop-trail-eu", IsMultiRegionTrail=True)
    cloudtrail.start_logging(Name="shop-trail")
    return {"buckets": buckets, "trails": ["shop-trail"]}


def services():
    """One or two of what else a shop has."""
    client("rds", HOME).create_db_instance(DBInstanceIdentifier="shop-db", DBInstanceClass="db.t3.medium", Engine="postgres", AllocatedStorage=20,
                                           MasterUsername="shop", MasterUserPassword="not-a-password")
    client("rds", HOME).create_db_snapshot(DBInstanceIdentifier="shop-db", DBSnapshotIdentifier="shop-db-weekly")
    dynamodb = client("dynamodb", HOME)
    for table in ("carts", "sessions"):
        dynamodb.create_table(TableName=table, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                              AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as z:
        z.writestr(zipfile.ZipInfo("main.py"), "def handler(event, context):\n    return event\n")
    functions = ["resize-images", "send-receipt"]
    for function in functions:
        client("lambda", HOME).create_function(FunctionName=function, Runtime="python3.12", Role=arn("role/resize-images"), Handler="main.handler",
                                               Code={"ZipFile": code.getvalue()})
        client("logs", HOME).create_log_group(logGroupName="/aws/lambda/" + function)
    secrets = client("secretsmanager", HOME)
    for secret in ("shop/db", "shop/mailer"):
        secrets.create_secret(Name=secret, SecretString="not-a-secret")
    client("ssm", HOME).put_parameter(Name="/shop/mode", Value="live", Type="String")
    eks_subnets = [s["SubnetId"] for s in client("ec2", HOME).describe_subnets()["Subnets"][:2]]
    client("eks", HOME).create_cluster(name="shop", roleArn=arn("role/shop-cluster"), resourcesVpcConfig={"subnetIds": eks_subnets})
    client("ecs", HOME).create_cluster(clusterName="shop")
    client("ecr", HOME).create_repository(repositoryName="shop-web")
    topic = client("sns", HOME).create_topic(Name="shop-orders")["TopicArn"]
    client("sqs", HOME).create_queue(QueueName="shop-orders")
    client("kms", HOME).create_key(Description="Shop orders")
    client("guardduty", HOME).create_detector(Enable=True)
    identities = ["shop.example.com", "orders@example.com"]
    for region in REGIONS:
        client("ses", region).verify_domain_identity(Domain=identities[0])
        client("ses", region).verify_email_identity(EmailAddress=identities[1])
    client("cloudformation", HOME).create_stack(StackName="shop", TemplateBody=json.dumps(
        {"Resources": {"Dead": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "shop-dead"}}}}))
    client("route53").create_hosted_zone(Name="shop.example.com", CallerReference="1580")
    return {"db_instances": ["shop-db"], "tables": ["carts", "sessions"], "functions": functions, "secrets": ["shop/db", "shop/mailer"], "parameters": ["/shop/mode"],
            "eks_clusters": ["shop"], "ecs_clusters": ["shop"], "repositories": ["shop-web"], "topics": [topic], "queues": ["shop-orders"],
            "ses_identities": identities, "stacks": ["shop"], "log_groups": ["/aws/lambda/" + f for f in functions]}


def others():
    """Callers that are not of every day: a developer, a forgotten user, root,
    and a vendor of another account with the role that it may take here."""
    iam, keys = client("iam"), {}
    for part, user in (("developer", "jan.kowalski"), ("dormant", "old-deploy")):
        key = iam.create_access_key(UserName=user)["AccessKey"]
        keys[part] = {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"], "arn": arn("user/" + user)}
        iam.put_user_policy(UserName=user, PolicyName=user, PolicyDocument=document(ALLOWED["user/" + user]))
    keys["root"] = {"id": ROOT, "secret": "none", "arn": arn("root")}
    # moto has every account: a session of a role in one is the way into it.
    inside = client("sts").assume_role(RoleArn="arn:aws:iam::%s:role/setup" % VENDOR, RoleSessionName="setup")["Credentials"]
    theirs = boto3.client("iam", region_name="us-east-1", endpoint_url=MOTO, aws_access_key_id=inside["AccessKeyId"],
                          aws_secret_access_key=inside["SecretAccessKey"], aws_session_token=inside["SessionToken"])
    vendor = theirs.create_user(UserName="collector")["User"]["Arn"]
    key = theirs.create_access_key(UserName="collector")["AccessKey"]
    keys["vendor"] = {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"], "arn": vendor}
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::%s:root" % VENDOR},
                                                     "Condition": {"StringEquals": {"sts:ExternalId": "shop-7f3b1"}}}]}
    iam.create_role(RoleName="cost-review", AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName="cost-review", PolicyName="cost-review", PolicyDocument=document(ALLOWED["role/cost-review"]))
    return keys, vendor


def more_secrets():
    """What an application keeps beside its database's password."""
    secrets = client("secretsmanager", HOME)
    for secret in ("shop/payments", "shop/search"):
        secrets.create_secret(Name=secret, SecretString="not-a-secret")
    for name in ("/shop/db/url", "/shop/db/password"):
        client("ssm", HOME).put_parameter(Name=name, Value="not-a-secret", Type="SecureString")


keys, resources = identities()
resources["regions"] = {region: machines(region, count) for region, count in zip(REGIONS, (3, 5, 1))}
resources["home"] = HOME
resources.update(storage())
resources.update(services())
# Last, so that the identifiers of what was there before stay what they were.
more, vendor = others()
keys.update(more)
more_secrets()
policy = {arn(p): actions for p, actions in ALLOWED.items()}
policy[vendor] = ["sts:AssumeRole"]
print(json.dumps({"account": ACCOUNT, "keys": keys, "roles": {part: arn("role/" + role) for part, role in list(ROLES.items()) + [("vendor", "cost-review")]},
                  "policy": policy, "resources": resources}))
