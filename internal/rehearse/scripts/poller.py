"""A monitor that asks the same few questions over and over.

    poller.py [ROUNDS]

What is running and how it does: a watcher of a fleet polls so every 90 seconds.
How long it waits from call to call is for the recorder to say: its scene has the
clock, and here nothing is waited for. A round is four calls.
"""
import sys

import offline

rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
ec2, rds, logs = (offline.client(service, "eu-west-1") for service in ("ec2", "rds", "logs"))
tally = offline.Tally()
for _ in range(rounds):
    tally.call(ec2.describe_instances, Filters=[{"Name": "tag:app", "Values": ["shop"]}])
    tally.call(ec2.describe_instance_status, Filters=[{"Name": "instance-state-name", "Values": ["running"]}])
    tally.call(rds.describe_db_instances, DBInstanceIdentifier="shop-db")
    tally.call(logs.describe_log_groups, logGroupNamePrefix="/aws/lambda/")
print("poller: %s" % tally)
