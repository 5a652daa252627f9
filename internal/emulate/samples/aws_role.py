"""What is done with the stolen session: ask for the Windows password and the
user data of instances whose ids were found elsewhere. All of it is denied."""
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ec2 = boto3.client("ec2", region_name="eu-west-1", config=Config(retries={"total_max_attempts": 1}))
denied = 0
for n in range(15):
    try:
        ec2.get_password_data(InstanceId="i-%017x" % (0x0A1B2C3D4E5F60 + n * 0x1111))
    except ClientError as e:
        denied += e.response["Error"]["Code"] == "UnauthorizedOperation"
for n in range(10):
    try:
        ec2.describe_instance_attribute(InstanceId="i-%017x" % (0x0A1B2C3D4E5F60 + n * 0x1111), Attribute="userData")
    except ClientError as e:
        denied += e.response["Error"]["Code"] == "UnauthorizedOperation"
sys.exit(0 if denied == 25 else "only %d of 25 calls were denied" % denied)
