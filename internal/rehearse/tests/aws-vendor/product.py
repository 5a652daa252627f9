"""A product that looks for savings, as its vendor runs it for a customer: take
the customer's role, look at machines, databases and costs.

    product.py ROLE-ARN EXTERNAL-ID
"""
import sys

import offline

import boto3

role, external = sys.argv[1:]
taken = offline.client("sts", "eu-west-1").assume_role(RoleArn=role, RoleSessionName="cost-review", ExternalId=external)["Credentials"]
session = boto3.Session(aws_access_key_id=taken["AccessKeyId"], aws_secret_access_key=taken["SecretAccessKey"], aws_session_token=taken["SessionToken"])
tally = offline.Tally()
tally.call(offline.client("ec2", "eu-west-1", session).describe_instances)
tally.call(offline.client("rds", "eu-west-1", session).describe_db_instances)
tally.call(offline.client("cloudwatch", "eu-west-1", session).list_metrics, Namespace="AWS/EC2")
tally.call(offline.client("ce", "us-east-1", session).get_cost_and_usage, TimePeriod={"Start": "2026-03-01", "End": "2026-03-17"},
           Granularity="MONTHLY", Metrics=["UnblendedCost"])
print("product: %s" % tally)
