-- Container and Resource Discovery (credentials)
-- T1613 1.0.0 (t1613-credentials), profile vedette. ATT&CK T1613. Severity medium, confidence medium.
-- One principal asks the control planes of containers (ECS, ECR, EKS, GKE, Artifact Registry) for clusters, node
--   pools, tasks, repositories and images. What a deployment asks about its own service again and again are few
--   kinds of question. Azure's activity log shows no lists: there it is fetching the credentials of clusters and
--   registries that counts. What is asked of a cluster's own API is in Kubernetes' audit log, which is not read.
-- Window: tumbling of 15m. Fires at 2 distinct APIs, or 3 distinct targets.
-- Known false positives: Posture management, and scanners of images; Pages of a console on clusters and
--   repositories; Tools that fetch the credentials of every cluster for a person who works with all of them.
-- WARNING: the Azure activity log has no reads (GET): of it only list-like actions (POST), such as listKeys, are
--   selected
-- selection: approximated: an operation that no catalogue lists counts if it has one of these names, whatever
--   its service.
-- identity: approximated: without an object id in the claims the caller's name stands for it.
-- event count: approximated: each retry of a throttled call counts.
-- duplicates: approximated: operations that share a correlation id count once.
-- slices: impossible: a principal is judged as a whole; nothing is shipped instead.
-- lineage: impossible: who stands behind a session is not followed; nothing is shipped instead.
-- Reads azure_activity: a table azure_activity with a JSON column record, one row of the activity log as a diagnostic setting writes it.
WITH calls AS (
  SELECT ts, 'Azure' AS provider, caller, account, concat(service, '/', name) AS api, region, address, event_id, concat(concat(service, '/', name), ' ', target) AS target
  FROM (
    SELECT
      TRY_CAST(regexp_replace(coalesce(record->>'$.time', ''), '^([^T ]+[T ][0-9:.]+)$', '\1Z') AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS ts,
      lower(regexp_replace(coalesce(record->>'$.operationName', ''), '/.*$', '', 'g')) AS service,
      lower(regexp_replace(coalesce(record->>'$.operationName', ''), '^[^/]*/', '', 'g')) AS name,
      CASE
        WHEN coalesce(record->>'$.identity.claims."http://schemas.microsoft.com/identity/claims/objectidentifier"', '') <> ''
          THEN concat('entra:', coalesce(record->>'$.identity.claims."http://schemas.microsoft.com/identity/claims/tenantid"', ''), '/',
            coalesce(record->>'$.identity.claims."http://schemas.microsoft.com/identity/claims/objectidentifier"', ''))
        ELSE lower(coalesce(record->>'$.identity.claims."http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"', ''))
      END AS caller,
      lower(regexp_replace(coalesce(record->>'$.resourceId', ''), '^/[^/]*/([^/]*).*$', '\1', 'g')) AS account,
      '' AS region,
      coalesce(record->>'$.callerIpAddress', '') AS address,
      coalesce(record->>'$.correlationId', '') AS event_id,
      lower(coalesce(record->>'$.resourceId', '')) AS target
    FROM azure_activity
    WHERE coalesce(record->>'$.resultType', '') NOT IN ('Start', 'Started', 'Accept', 'Accepted')
  ) AS logged
  WHERE (regexp_matches(name, '/(listclusteradmincredential|listclusterusercredential|listcredential|listcredentials)/action$'))
    AND ts IS NOT NULL
),
windows AS (
  SELECT
    time_bucket(INTERVAL 15 MINUTE, ts, TIMESTAMP '1970-01-01') AS window_start, provider, caller, account,
    count(DISTINCT event_id) AS events,
    count(DISTINCT api) AS apis,
    count(DISTINCT target) AS targets,
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
  targets AS "DistinctTargets",
  api_list AS "APIList",
  regions AS "DistinctRegions",
  addresses AS "SourceIPs",
  first_seen AS "FirstSeen",
  last_seen AS "LastSeen",
  50 AS "RiskScore"
FROM windows
WHERE (apis >= 2 OR targets >= 3)
ORDER BY "RiskScore" DESC, "DiscoveryCount" DESC, "CloudProvider", "Identity", "AccountId", "TimeGenerated"
