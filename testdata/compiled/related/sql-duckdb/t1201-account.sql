-- Password Policy Discovery (account)
-- T1201 1.0.0 (t1201-account), profile vedette. ATT&CK T1201. Severity low (a building block; the detection says
--   informational), confidence low.
-- One principal asks what passwords must look like and how often they may be tried. It is one call, which
--   somebody who administers makes as well, so a finding says no more than that it was asked.
-- Window: tumbling of 15m. Fires at 1 calls.
-- Copies of one act, known by the log's own id of it, count once.
-- Known false positives: The account settings page of the IAM console; Posture management, which checks the
--   policy on a schedule; The Entra admin center, whose pages read policies.
-- event count: approximated: each retry of a throttled call counts.
-- slices: impossible: a principal is judged as a whole; nothing is shipped instead.
-- lineage: impossible: who stands behind a session is not followed; nothing is shipped instead.
-- Reads cloudtrail: a table cloudtrail with a JSON column record, one CloudTrail record a row.
WITH calls AS (
  SELECT ts, 'AWS' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id
  FROM (
    SELECT
      TRY_CAST(regexp_replace(coalesce(record->>'$.eventTime', ''), '^([^T ]+[T ][0-9:.]+)$', '\1Z') AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS ts,
      lower(coalesce(record->>'$.eventSource', '')) AS service,
      regexp_replace(coalesce(record->>'$.eventName', ''), '(20[0-9]{6}|20[0-9]{2}_[0-9]{2}_[0-9]{2})(v[0-9]+)?$', '', 'g') AS name,
      CASE
        WHEN coalesce(record->>'$.userIdentity.type', '') IN ('AssumedRole', 'Role')
          AND regexp_matches(coalesce(record->>'$.userIdentity.sessionContext.sessionIssuer.arn', ''), '/AWSReservedSSO_')
          THEN concat(coalesce(record->>'$.userIdentity.sessionContext.sessionIssuer.arn', ''), '/', regexp_replace(coalesce(record->>'$.userIdentity.arn', ''), '^[^/]*/[^/]*/', '', 'g'))
        WHEN coalesce(record->>'$.userIdentity.type', '') IN ('AssumedRole', 'Role', 'FederatedUser')
          AND coalesce(record->>'$.userIdentity.sessionContext.sessionIssuer.arn', '') <> ''
          THEN coalesce(record->>'$.userIdentity.sessionContext.sessionIssuer.arn', '')
        WHEN coalesce(record->>'$.userIdentity.type', '') = 'AWSAccount' THEN concat('account:', coalesce(record->>'$.userIdentity.accountId', ''))
        WHEN coalesce(record->>'$.userIdentity.type', '') = 'AWSService' THEN concat('service:', coalesce(record->>'$.userIdentity.invokedBy', ''))
        WHEN coalesce(record->>'$.userIdentity.type', '') = 'IdentityCenterUser'
          THEN concat('identitycenter:', coalesce(record->>'$.userIdentity.onBehalfOf.identityStoreArn', ''), '/', coalesce(record->>'$.userIdentity.onBehalfOf.userId', ''))
        WHEN coalesce(record->>'$.userIdentity.type', '') IN ('SAMLUser', 'WebIdentityUser')
          THEN concat(CASE coalesce(record->>'$.userIdentity.type', '') WHEN 'SAMLUser' THEN 'saml:' ELSE 'oidc:' END, coalesce(record->>'$.userIdentity.identityProvider', ''), '/',
            CASE WHEN coalesce(record->>'$.userIdentity.userName', '') <> '' THEN coalesce(record->>'$.userIdentity.userName', '') ELSE coalesce(record->>'$.userIdentity.principalId', '') END)
        WHEN coalesce(record->>'$.userIdentity.arn', '') <> '' THEN coalesce(record->>'$.userIdentity.arn', '')
        ELSE concat('principal:', coalesce(record->>'$.userIdentity.accountId', ''), '/', coalesce(record->>'$.userIdentity.principalId', ''))
      END AS caller,
      CASE WHEN coalesce(record->>'$.userIdentity.accountId', '') <> '' THEN coalesce(record->>'$.userIdentity.accountId', '') ELSE coalesce(record->>'$.recipientAccountId', '') END AS account,
      coalesce(record->>'$.awsRegion', '') AS region,
      coalesce(record->>'$.sourceIPAddress', '') AS address,
      coalesce(record->>'$.eventID', '') AS event_id
    FROM cloudtrail
    WHERE coalesce(record->>'$.eventName', '') <> '' AND coalesce(record->>'$.eventCategory', '') <> 'Insight'
      AND NOT (coalesce(record->>'$.userIdentity.type', '') = 'AWSService' OR coalesce(record->>'$.userIdentity.invokedBy', '') <> '' OR coalesce(record->>'$.eventType', '') = 'AwsServiceEvent'
          OR regexp_matches(coalesce(record->>'$.sourceIPAddress', ''), '^AWS Internal$|[.]amazonaws[.]com([.]cn)?$'))
  ) AS logged
  WHERE (service = 'iam.amazonaws.com' AND name = 'GetAccountPasswordPolicy')
    AND ts IS NOT NULL
),
windows AS (
  SELECT
    time_bucket(INTERVAL 15 MINUTE, ts, TIMESTAMP '1970-01-01') AS window_start, provider, caller, account,
    count(DISTINCT event_id) AS events,
    count(DISTINCT api) AS apis,
    list_slice(list_sort(list(DISTINCT api)), 1, 50) AS api_list,
    count(DISTINCT CASE WHEN region <> '' THEN region END) AS regions,
    list_slice(list_sort(list(DISTINCT address) FILTER (WHERE address <> '')), 1, 10) AS addresses,
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
  20 AS "RiskScore"
FROM windows
WHERE (events >= 1)
ORDER BY "RiskScore" DESC, "DiscoveryCount" DESC, "CloudProvider", "Identity", "AccountId", "TimeGenerated"
