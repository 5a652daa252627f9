-- The seed's query, written for DuckDB from its KQL, over raw records.
--
-- Tables it reads: trail(o) has one CloudTrail record a row, activity(o) one
-- Azure activity record, both as JSON text.
--
-- What KQL means and SQL does not say by itself:
--   * a KQL string is never null: a missing value is '', it is a group, and
--     dcount and make_set see it (Kusto documentation, "Null values");
--   * `in` and `==` respect case, `=~` does not;
--   * bin() counts from the epoch;
--   * dcount is exact here: KQL's estimate has no error at so few values.
-- Taken where the KQL leaves it open: there is no ago(), sets are sorted
-- bytewise before they are cut, and rows of equal score and count are sorted
-- by provider, identity, account and time. The query asks for a column
-- SourceIPAddress of AWSCloudTrail, whose name there is SourceIpAddress:
-- the record's sourceIPAddress is taken.
WITH aws AS (
  SELECT
    epoch_ns(CAST(o ->> '$.eventTime' AS TIMESTAMP_NS)) AS ts,
    coalesce(o ->> '$.eventName', '') AS EventName,
    coalesce(o ->> '$.userIdentity.arn', '') AS UserIdentityArn,
    coalesce(o ->> '$.userIdentity.accountId', '') AS UserIdentityAccountId,
    coalesce(o ->> '$.awsRegion', '') AS AWSRegion,
    coalesce(o ->> '$.sourceIPAddress', '') AS SourceIPAddress
  FROM trail
),
azure AS (
  SELECT
    epoch_ns(CAST(coalesce(o ->> '$.TimeGenerated', o ->> '$.eventTimestamp', o ->> '$.time') AS TIMESTAMP_NS)) AS ts,
    coalesce(o ->> '$.OperationNameValue', o ->> '$.operationName.value', o ->> '$.operationName', '') AS OperationNameValue,
    coalesce(o ->> '$.Caller', o ->> '$.caller', '') AS Caller,
    coalesce(o ->> '$.SubscriptionId', o ->> '$.subscriptionId', '') AS SubscriptionId,
    coalesce(o ->> '$.ResourceGroup', o ->> '$.resourceGroupName', '') AS ResourceGroup,
    coalesce(o ->> '$.CallerIpAddress', o ->> '$.httpRequest.clientIpAddress', '') AS CallerIpAddress,
    -- What other shapes call Succeeded is Success in the table.
    CASE
      WHEN o ->> '$.ActivityStatusValue' IS NOT NULL THEN o ->> '$.ActivityStatusValue'
      WHEN lower(o ->> '$.status.value') = 'succeeded' THEN 'Success'
      ELSE coalesce(o ->> '$.status.value', '')
    END AS ActivityStatusValue
  FROM activity
),
aws_rows AS (
  SELECT
    ts // 900000000000 AS bin, 'AWS' AS CloudProvider, UserIdentityArn AS Identity, UserIdentityAccountId AS AccountId,
    count(*) AS DiscoveryCount,
    count(DISTINCT EventName) AS DistinctAPIs,
    list_slice(list_sort(list(DISTINCT EventName)), 1, 50) AS APIList,
    count(DISTINCT AWSRegion) AS DistinctRegions,
    list_slice(list_sort(list(DISTINCT SourceIPAddress)), 1, 10) AS SourceIPs,
    min(ts) AS FirstSeen, max(ts) AS LastSeen
  FROM aws
  WHERE EventName IN (
      'DescribeInstances', 'DescribeVolumes', 'DescribeSnapshots', 'DescribeImages',
      'ListBuckets', 'HeadBucket', 'GetPublicAccessBlock', 'GetBucketAcl', 'GetBucketPolicy',
      'DescribeDBInstances', 'DescribeDBClusters', 'DescribeDBSnapshots',
      'DescribeSecurityGroups', 'DescribeVpcs', 'DescribeSubnets',
      'DescribeNetworkInterfaces', 'DescribeRouteTables', 'DescribeInternetGateways',
      'ListFunctions', 'ListTables', 'DescribeClusters', 'GetCallerIdentity',
      'ListRoles', 'ListUsers', 'DescribeLoadBalancers',
      'DescribeAutoScalingGroups', 'DescribeKeyPairs')
    AND UserIdentityArn <> ''
  GROUP BY UserIdentityArn, UserIdentityAccountId, bin
  HAVING DiscoveryCount >= 10 OR DistinctAPIs >= 5
),
azure_rows AS (
  SELECT
    ts // 900000000000 AS bin, 'Azure' AS CloudProvider, Caller AS Identity, SubscriptionId AS AccountId,
    count(*) AS DiscoveryCount,
    count(DISTINCT OperationNameValue) AS DistinctAPIs,
    list_slice(list_sort(list(DISTINCT OperationNameValue)), 1, 50) AS APIList,
    count(DISTINCT ResourceGroup) AS DistinctRegions,
    list_slice(list_sort(list(DISTINCT CallerIpAddress)), 1, 10) AS SourceIPs,
    min(ts) AS FirstSeen, max(ts) AS LastSeen
  FROM azure
  WHERE lower(OperationNameValue) IN (
      'microsoft.compute/virtualmachines/read', 'microsoft.storage/storageaccounts/read',
      'microsoft.sql/servers/read', 'microsoft.network/virtualnetworks/read',
      'microsoft.keyvault/vaults/read', 'microsoft.containerservice/managedclusters/read',
      'microsoft.resources/subscriptions/resources/read')
    AND lower(ActivityStatusValue) = 'success'
  GROUP BY Caller, SubscriptionId, bin
  HAVING DiscoveryCount >= 10 OR DistinctAPIs >= 5
)
SELECT
  bin * 900000000000 AS TimeGenerated, CloudProvider, Identity, AccountId, DiscoveryCount, DistinctAPIs,
  to_json(APIList) AS APIList, DistinctRegions, to_json(SourceIPs) AS SourceIPs, FirstSeen, LastSeen,
  CASE
    WHEN DistinctAPIs >= 10 AND DiscoveryCount >= 50 THEN 90
    WHEN DistinctAPIs >= 7 AND DiscoveryCount >= 20 THEN 70
    WHEN DistinctAPIs >= 5 OR DiscoveryCount >= 10 THEN 50
    ELSE 30
  END AS RiskScore
FROM (SELECT * FROM aws_rows UNION ALL SELECT * FROM azure_rows)
ORDER BY RiskScore DESC, DiscoveryCount DESC, CloudProvider, Identity, AccountId, bin
