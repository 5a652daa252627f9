"""How open is each bucket: the posture reads of S3, bucket by bucket.

    bucket_sweep.py [BUCKET...]

Buckets are listed, or taken as named where listing is refused. The reads are
those that reports of Scattered Spider name (Unit 42, "Muddled Libra"), and a
few objects of each bucket, which is a data event and in no trail by default.
"""
import sys

import offline

s3, tally = offline.client("s3", "eu-west-1"), offline.Tally()
listed = tally.call(s3.list_buckets)
for bucket in [b["Name"] for b in listed["Buckets"]] if listed else sys.argv[1:]:
    tally.call(s3.get_bucket_location, Bucket=bucket)
    tally.call(s3.get_bucket_acl, Bucket=bucket)
    tally.call(s3.get_bucket_policy, Bucket=bucket)
    tally.call(s3.get_public_access_block, Bucket=bucket)
    tally.call(s3.get_bucket_versioning, Bucket=bucket)
    tally.call(s3.get_bucket_logging, Bucket=bucket)
    tally.call(s3.get_bucket_replication, Bucket=bucket)
    tally.call(s3.list_objects_v2, Bucket=bucket, MaxKeys=5)
print("bucket_sweep: %s" % tally)
