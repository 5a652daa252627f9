"""The API names that the peers of the benchmark count."""

NAMES = """DescribeInstances DescribeVolumes DescribeSnapshots DescribeImages ListBuckets HeadBucket
GetPublicAccessBlock GetBucketAcl GetBucketPolicy DescribeDBInstances DescribeDBClusters DescribeDBSnapshots
DescribeSecurityGroups DescribeVpcs DescribeSubnets DescribeNetworkInterfaces DescribeRouteTables
DescribeInternetGateways ListFunctions ListTables DescribeClusters GetCallerIdentity ListRoles ListUsers
DescribeLoadBalancers DescribeAutoScalingGroups DescribeKeyPairs""".split()
