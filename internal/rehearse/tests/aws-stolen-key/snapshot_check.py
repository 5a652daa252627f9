"""What a backup job asks every day: who am I, are the volumes there, and are
last night's snapshots. Four calls, in one region."""
import offline

tally = offline.Tally()
ec2 = offline.client("ec2", "eu-west-1")
tally.call(offline.client("sts", "eu-west-1").get_caller_identity)
tally.call(ec2.describe_volumes)
tally.call(ec2.describe_snapshots, OwnerIds=["self"])
tally.call(offline.client("rds", "eu-west-1").describe_db_instances)
print("snapshot check: %s" % tally)
