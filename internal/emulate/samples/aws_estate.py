"""Build the AWS account that the sample clients look at, straight in moto.

Prints as JSON the access keys of the users, for the recorder alone to use.
moto's random numbers are seeded, so every run gives the same identifiers.
"""
import io
import json
import sys
import urllib.request
import zipfile

import boto3
from botocore.config import Config

MOTO = sys.argv[1]
urllib.request.urlopen(urllib.request.Request(MOTO + "/moto-api/seed?a=1580", data=b"", method="POST")).read()


def client(name, region="us-east-1"):
    return boto3.client(name, region_name=region, endpoint_url=MOTO, aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="none",
                        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}))


iam = client("iam")
trust = json.dumps({"Version": "2012-10-17", "Statement": []})
keys = {}
for user in ["anna.lindqvist", "marek.novak", "backup-sync"]:
    iam.create_user(UserName=user)
    made = iam.create_access_key(UserName=user)["AccessKey"]
    keys[user] = {"id": made["AccessKeyId"], "secret": made["SecretAccessKey"]}
for role in ["instance-inspector", "ci-deploy", "shop-worker", "billing-export"]:
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)

for region, n in [("us-east-1", 3), ("eu-west-1", 5), ("eu-central-1", 0), ("us-west-2", 0)]:
    ec2 = client("ec2", region)
    if n:
        image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        sg = ec2.create_security_group(GroupName="shop", Description="Shop front")["GroupId"]
        ec2.create_key_pair(KeyName="shop-" + region)
        made = ec2.run_instances(ImageId=image, MinCount=n, MaxCount=n, InstanceType="t3.small", SecurityGroupIds=[sg],
                          TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "app", "Value": "shop"}]}])
        instance = made["Instances"][0]["InstanceId"]

eu = "eu-west-1"
s3 = client("s3", eu)
for bucket in ["shop-orders-eu", "shop-images-eu", "shop-backups-eu", "shop-trail-eu"]:
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": eu})
s3.put_public_access_block(Bucket="shop-backups-eu", PublicAccessBlockConfiguration={"BlockPublicAcls": True, "BlockPublicPolicy": True})
client("rds", eu).create_db_instance(DBInstanceIdentifier="shop-db", DBInstanceClass="db.t3.medium", Engine="postgres",
                                     AllocatedStorage=20, MasterUsername="shop", MasterUserPassword="not-a-password")
client("dynamodb", eu).create_table(TableName="carts", BillingMode="PAY_PER_REQUEST",
                                    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                                    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
code = io.BytesIO()
with zipfile.ZipFile(code, "w") as z:
    z.writestr(zipfile.ZipInfo("main.py"), "def handler(event, context):\n    return event\n")
role = "arn:aws:iam::111122223333:role/shop-worker"
client("lambda", eu).create_function(FunctionName="resize-images", Runtime="python3.12", Role=role, Handler="main.handler",
                                     Code={"ZipFile": code.getvalue()})
client("ecs", eu).create_cluster(clusterName="shop")
client("logs", eu).create_log_group(logGroupName="/aws/lambda/resize-images")
print(json.dumps({"keys": keys, "instance": instance}))
