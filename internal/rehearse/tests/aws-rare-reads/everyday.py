"""What everybody of a shop asks in the morning: what runs, and what is stored."""
import offline

tally = offline.Tally()
tally.call(offline.client("ec2", "eu-west-1").describe_instances)
tally.call(offline.client("s3", "eu-west-1").list_buckets)
print("everyday: %s" % tally)
