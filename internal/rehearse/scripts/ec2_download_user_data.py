"""Ask for the user data of instances that do not exist, many times.

    ec2_download_user_data.py [REGION [COUNT]]

As Stratus Red Team's aws.discovery.ec2-download-user-data (commit 7c9a7a5): one
API, ids made up, and a refusal each for a caller who may not ask.
"""
import sys

import offline

region = sys.argv[1] if len(sys.argv) > 1 else "eu-west-1"
count = int(sys.argv[2]) if len(sys.argv) > 2 else 15
ec2, tally = offline.client("ec2", region), offline.Tally()
for n in range(count):
    tally.call(ec2.describe_instance_attribute, InstanceId="i-%017x" % (0x0A1B2C3D4E5F60 + n * 0x1111), Attribute="userData")
print("ec2_download_user_data: %s" % tally)
