-- Password Policy Discovery (directory)
-- T1201 1.0.0 (t1201-directory), profile vedette. ATT&CK T1201. Severity low (a building block; the detection
--   says informational), confidence low.
-- One principal asks what passwords must look like and how often they may be tried. It is one call, which
--   somebody who administers makes as well, so a finding says no more than that it was asked.
-- Window: tumbling of 15m. Fires at 2 distinct APIs.
-- Copies of one act, known by the log's own id of it, count once.
-- Known false positives: The account settings page of the IAM console; Posture management, which checks the
--   policy on a schedule; The Entra admin center, whose pages read policies.
-- WARNING: Microsoft Graph logs calls only where a diagnostic setting of the tenant sends
--   MicrosoftGraphActivityLogs
-- selection: approximated: ids that are neither GUIDs nor addresses stay in the path, and paths that no
--   catalogue lists do not count.
-- event count: approximated: each retry of a throttled call counts.
-- slices: impossible: a principal is judged as a whole; nothing is shipped instead.
-- lineage: impossible: who stands behind a session is not followed; nothing is shipped instead.
-- Reads azure_graph: a table azure_graph with a JSON column record, one row of MicrosoftGraphActivityLogs as a diagnostic setting writes it.
WITH calls AS (
  SELECT ts, 'Azure' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id
  FROM (
    SELECT
      TRY_CAST(regexp_replace(coalesce(record->>'$.time', ''), '^([^T ]+[T ][0-9:.]+)$', '\1Z') AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS ts,
      'graph.microsoft.com' AS service,
      lower(concat(coalesce(record->>'$.properties.requestMethod', ''), ' ',
        regexp_replace(regexp_replace(regexp_replace(coalesce(record->>'$.properties.requestUri', ''), '^https?://[^/]*|[?].*$', '', 'g'), '^/(v1[.]0|beta)', '', 'g'), '/[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|/[^/]+@[^/]+', '/{id}', 'g'))) AS name,
      concat('entra:', coalesce(record->>'$.tenantId', ''), '/',
        CASE WHEN coalesce(record->>'$.properties.userId', '') <> '' THEN coalesce(record->>'$.properties.userId', '') ELSE coalesce(record->>'$.properties.servicePrincipalId', '') END) AS caller,
      coalesce(record->>'$.tenantId', '') AS account,
      coalesce(record->>'$.location', '') AS region,
      coalesce(record->>'$.callerIpAddress', '') AS address,
      coalesce(record->>'$.properties.requestId', '') AS event_id
    FROM azure_graph
  ) AS logged
  WHERE (service = 'graph.microsoft.com' AND name IN ('get /identity/conditionalaccess/policies', 'get /policies/authorizationpolicy', 'get /policies/identitysecuritydefaultsenforcementpolicy'))
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
WHERE (apis >= 2)
ORDER BY "RiskScore" DESC, "DiscoveryCount" DESC, "CloudProvider", "Identity", "AccountId", "TimeGenerated"
