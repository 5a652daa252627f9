-- Cloud Infrastructure Discovery
-- T1580 1.0.0 (t1580-seed), profile seed. ATT&CK T1580. Severity high, confidence medium.
-- Detects high-volume or broad-scope cloud infrastructure enumeration by one identity in one account, in bins of
--   15 minutes.
-- Window: tumbling of 15m. Fires at 10 calls, or 5 distinct APIs.
-- Every record counts, copies of one act too.
-- Known false positives: Infrastructure as code that reads the state of everything it manages before it plans a
--   change; Posture management and inventory that reads whole accounts on a schedule; Cost management that lists
--   instances and storage; Deployment pipelines that wait for a resource by describing it again and again;
--   Backup software that looks for what to back up; One page of a web console, which can make dozens of calls of
--   twenty kinds at once.
-- WARNING: SourceIPAddress, which the query that this profile reproduces names, is no column; SourceIpAddress is
--   taken
-- WARNING: the operations ending in /read never appear in the Azure activity log, which has no reads: the Azure
--   part cannot fire
-- WARNING: ListFunctions and GetPublicAccessBlock never appear in CloudTrail: they are logged as
--   ListFunctions20150331 and GetBucketPublicAccessBlock or GetAccountPublicAccessBlock
-- duplicates of azure.activity: approximated: operations that share a correlation id count once.
-- slices: impossible: a principal is judged as a whole; nothing is shipped instead.
-- lineage: impossible: who stands behind a session is not followed; nothing is shipped instead.
-- Reads cloudtrail: a table cloudtrail with a JSON column record, one CloudTrail record a row.
-- Reads azure_activity: a table azure_activity with a JSON column record, one row of the activity log as a diagnostic setting writes it.
WITH calls AS (
  SELECT ts, 'AWS' AS provider, caller, account, name AS api, region, address, event_id
  FROM (
    SELECT
      TRY_CAST(regexp_replace(coalesce(record->>'$.eventTime', ''), '^([^T ]+[T ][0-9:.]+)$', '\1Z') AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS ts,
      coalesce(record->>'$.eventName', '') AS name,
      coalesce(record->>'$.userIdentity.arn', '') AS caller,
      coalesce(record->>'$.userIdentity.accountId', '') AS account,
      coalesce(record->>'$.awsRegion', '') AS region,
      coalesce(record->>'$.sourceIPAddress', '') AS address,
      coalesce(record->>'$.eventID', '') AS event_id
    FROM cloudtrail
  ) AS logged
  WHERE name IN ('DescribeInstances', 'DescribeVolumes', 'DescribeSnapshots', 'DescribeImages', 'ListBuckets', 'HeadBucket', 'GetPublicAccessBlock', 'GetBucketAcl', 'GetBucketPolicy', 'DescribeDBInstances', 'DescribeDBClusters', 'DescribeDBSnapshots', 'DescribeSecurityGroups', 'DescribeVpcs', 'DescribeSubnets', 'DescribeNetworkInterfaces', 'DescribeRouteTables', 'DescribeInternetGateways', 'ListFunctions', 'ListTables', 'DescribeClusters', 'GetCallerIdentity', 'ListRoles', 'ListUsers', 'DescribeLoadBalancers', 'DescribeAutoScalingGroups', 'DescribeKeyPairs')
    AND caller <> ''
    AND ts IS NOT NULL
  UNION ALL
  SELECT ts, 'Azure' AS provider, caller, account, name AS api, region, address, event_id
  FROM (
    SELECT
      TRY_CAST(regexp_replace(coalesce(record->>'$.time', ''), '^([^T ]+[T ][0-9:.]+)$', '\1Z') AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS ts,
      coalesce(record->>'$.operationName', '') AS name,
      coalesce(record->>'$.identity.claims."http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"', '') AS caller,
      regexp_replace(coalesce(record->>'$.resourceId', ''), '^/[^/]*/([^/]*).*$', '\1', 'g') AS account,
      regexp_replace(coalesce(record->>'$.resourceId', ''), '^/[^/]*/[^/]*/[^/]*/([^/]*).*$', '\1', 'g') AS region,
      coalesce(record->>'$.callerIpAddress', '') AS address,
      coalesce(record->>'$.correlationId', '') AS event_id
    FROM azure_activity
    WHERE coalesce(record->>'$.resultType', '') = 'Success'
  ) AS logged
  WHERE lower(name) IN ('microsoft.compute/virtualmachines/read', 'microsoft.storage/storageaccounts/read', 'microsoft.sql/servers/read', 'microsoft.network/virtualnetworks/read', 'microsoft.keyvault/vaults/read', 'microsoft.containerservice/managedclusters/read', 'microsoft.resources/subscriptions/resources/read')
    AND ts IS NOT NULL
),
windows AS (
  SELECT
    time_bucket(INTERVAL 15 MINUTE, ts, TIMESTAMP '1970-01-01') AS window_start, provider, caller, account,
    count(*) AS events,
    count(DISTINCT api) AS apis,
    list_slice(list_sort(list(DISTINCT api)), 1, 50) AS api_list,
    count(DISTINCT region) AS regions,
    list_slice(list_sort(list(DISTINCT address)), 1, 10) AS addresses,
    min(ts) AS first_seen,
    max(ts) AS last_seen
  FROM calls
  GROUP BY 1, 2, 3, 4
)
SELECT
  window_start AS "TimeGenerated",
  provider AS "CloudProvider",
  caller AS "Identity",
  account AS "AccountId",
  events AS "DiscoveryCount",
  apis AS "DistinctAPIs",
  api_list AS "APIList",
  regions AS "DistinctRegions",
  addresses AS "SourceIPs",
  first_seen AS "FirstSeen",
  last_seen AS "LastSeen",
  CASE
    WHEN apis >= 10 AND events >= 50 THEN 90
    WHEN apis >= 7 AND events >= 20 THEN 70
    WHEN apis >= 5 OR events >= 10 THEN 50
    ELSE 30
  END AS "RiskScore"
FROM windows
WHERE (events >= 10 OR apis >= 5)
ORDER BY "RiskScore" DESC, "DiscoveryCount" DESC, "CloudProvider", "Identity", "AccountId", "TimeGenerated"
